// SPDX-License-Identifier: MIT
import type { HelperCall } from '@tsbpf/core';

/** Returns 64 bits from a body whose `retWidth` is 'words'. */
export function returnWords(call: HelperCall, value: bigint): number {
  call.retHi = Number(BigInt.asIntN(32, value >> 32n));
  return Number(BigInt.asIntN(32, value));
}

/** Argument `index` (1 to 5) as unsigned 64 bits; it must be among the body's `wideArgs`. */
export function wideArg(call: HelperCall, index: number, low: number): bigint {
  return (BigInt(call.argHi[index] >>> 0) << 32n) | BigInt(low >>> 0);
}
