// SPDX-License-Identifier: MIT
import { reject } from './reject.ts';
import type { Verification } from './verification.ts';

/** Says why in the log, and ends the verification with `-errno`. The message brings its own newline, where it has one. */
export function refuse(v: Verification, errno: number, message: string): never {
  v.log.write(message);
  v.refusal = message;
  reject(errno);
}
