// SPDX-License-Identifier: MIT
import { EINVAL, LoaderError } from '@tsbpf/uapi';
import type { Print } from '../log.ts';

/** Prints a warning and throws it. */
export type Refuse = (
  text: string,
  options?: { errno?: number; prog?: string; map?: string; cause?: unknown },
) => never;

export function refuser(print: Print): Refuse {
  return (text, { errno = EINVAL, ...rest } = {}) => {
    print('warn', text);
    throw new LoaderError(text, { errno, ...rest });
  };
}
