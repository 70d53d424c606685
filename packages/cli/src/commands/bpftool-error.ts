// SPDX-License-Identifier: MIT

export interface BpftoolOptions {
  readonly json: boolean;
  readonly pretty: boolean;
}

/** Ends a verb of bpftool's with a message, and status 255. Without a message everything has been said. */
export class BpftoolError extends Error {}

/** Ends the verb. */
export function fail(message: string): never {
  throw new BpftoolError(message);
}
