// SPDX-License-Identifier: MIT
import { EINVAL, LoaderError } from '@tsbpf/uapi';
import type { Print } from '../log.ts';

/** Prints a warning and throws it. The error, and not what is printed, also says the hint. */
export type Refuse = (
  text: string,
  options?: { errno?: number; prog?: string; map?: string; hint?: string | undefined; cause?: unknown },
) => never;

export function refuser(print: Print): Refuse {
  return (text, { errno = EINVAL, hint, ...rest } = {}) => {
    print('warn', text);
    throw new LoaderError(hint === undefined ? text : `${text}: ${hint}`, { errno, ...rest });
  };
}
