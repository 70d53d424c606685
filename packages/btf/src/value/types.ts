// SPDX-License-Identifier: MIT
import { E2BIG, EINVAL, ELOOP, BtfError } from '@tsbpf/uapi';

/**
 * A C value in JS. Integers and enums of 32 bits or fewer are numbers, wider ones and pointers bigints, whatever their
 * value; `_Bool` is a boolean; `char[]` a string, or bytes where it is no UTF-8; structs and unions are objects, with the members of anonymous ones
 * among their own; floats of 4 and 8 bytes are numbers, others their bytes.
 */
export type BtfValue = number | bigint | boolean | string | Uint8Array | BtfValue[] | { [member: string]: BtfValue };

/** Structs and arrays in one another, at most. */
const MAX_DEPTH = 64;

/** Keeps a walk over a value from running away on BTF that was made to. */
export class ValueWalk {
  #nodesLeft: number;
  #depth = 0;

  constructor(bytesLen: number) {
    this.#nodesLeft = 100_000 + 16 * bytesLen;
  }

  enter<T>(typeId: number, path: string, step: () => T): T {
    if (--this.#nodesLeft < 0) throw new BtfError(`${where(path)}has too many parts`, { errno: E2BIG, typeId });
    if (++this.#depth > MAX_DEPTH) {
      throw new BtfError(`${where(path)}nests deeper than ${MAX_DEPTH}`, { errno: ELOOP, typeId });
    }
    try {
      return step();
    } finally {
      this.#depth--;
    }
  }
}

export function where(path: string): string {
  return path ? `${path}: ` : 'value: ';
}

export function badValue(path: string, message: string, typeId: number, errno: number = EINVAL): never {
  throw new BtfError(`${where(path)}${message}`, { errno, typeId });
}
