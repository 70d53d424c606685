// SPDX-License-Identifier: MIT
import { ENOSYS, NotSupportedError } from '@tsbpf/uapi';

/** A program beyond the limits of Wasm engines: another engine has to run it. */
export class TooLargeError extends NotSupportedError {
  constructor(message: string) {
    super(message, { errno: ENOSYS, feature: 'compiling programs of this size' });
  }
}
