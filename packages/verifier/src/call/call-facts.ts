// SPDX-License-Identifier: MIT
import type { HelperRow, MapFacts } from '@tsbpf/core';
import type { Bounds } from '../scalar/index.ts';

/** What the arguments of a helper call told so far. @see kernel/bpf/verifier.c, struct bpf_call_arg_meta */
export interface CallFacts {
  readonly row: HelperRow;
  map: MapFacts | undefined;
  /** The memory argument looked at last need not be initialised. */
  rawMode: boolean;
  /** Stack that the helper fills: its register, and bytes. */
  rawRegno: number;
  rawSize: number;
  /** The reference of a socket argument; 0 for none. */
  refObjId: number;
  /** The size argument looked at last. */
  size: Bounds | undefined;
}

export function newCallFacts(row: HelperRow): CallFacts {
  return { row, map: undefined, rawMode: false, rawRegno: 0, rawSize: 0, refObjId: 0, size: undefined };
}
