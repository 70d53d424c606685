// SPDX-License-Identifier: MIT

/** The one signal of a rejection: raised by {@link reject} only, caught in check.ts only. */
export class Rejection extends Error {
  /** Negative errno that PROG_LOAD returns. */
  readonly errno: number;

  constructor(errno: number) {
    super(`rejected with ${errno}`);
    this.name = 'Rejection';
    this.errno = errno;
  }
}

/** Ends the verification with `-errno`. Messages have been written to the log before. `errno` is positive. */
export function reject(errno: number): never {
  throw new Rejection(-errno);
}
