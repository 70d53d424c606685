// SPDX-License-Identifier: MIT
// Internet checksum arithmetic on 32-bit partial sums, as they lie in little-endian memory.
// @see include/net/checksum.h, RFC 1071, RFC 1624
import type { KernelMemory } from '@tsbpf/memory';

const U32 = 0x1_0000_0000;

/** Sum with end-around carry; 32 bits, unsigned. */
export function csumAdd(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0);
  return sum >= U32 ? sum - U32 + 1 : sum;
}

/** Difference in one's complement. */
export function csumSub(a: number, b: number): number {
  return csumAdd(a, ~b);
}

/** Folds to 16 bits and complements: what a header stores. */
export function csumFold(sum: number): number {
  let folded = (sum >>> 16) + (sum & 0xffff);
  folded = (folded >>> 16) + (folded & 0xffff);
  return ~folded & 0xffff;
}

/** 16-bit sum with end-around carry. */
export function csum16Add(a: number, b: number): number {
  const sum = (a & 0xffff) + (b & 0xffff);
  return (sum & 0xffff) + (sum >>> 16);
}

/** The partial sum of bytes in memory, added to `seed`; an odd last byte counts as if a zero followed. */
export function csumPartial(mem: KernelMemory, off: number, lenBytes: number, seed: number): number {
  let sum = seed >>> 0;
  let at = off;
  for (let left = lenBytes; left >= 4; left -= 4, at += 4) sum = csumAdd(sum, mem.read32(at));
  const rest = off + lenBytes - at;
  if (rest >= 2) sum = csumAdd(sum, mem.read16(at));
  return rest % 2 === 1 ? csumAdd(sum, mem.read8(off + lenBytes - 1)) : sum;
}

/** The header checksum `sum` after a field changed by `diff`, a partial sum. */
export function replaceByDiff(sum: number, diff: number): number {
  return csumFold(csumAdd(diff, ~sum));
}

/** The header checksum `sum` after a 32-bit field changed. */
export function replace4(sum: number, from: number, to: number): number {
  return csumFold(csumAdd(csumSub(~sum, from), to));
}

/** The header checksum `sum` after a 16-bit field changed. */
export function replace2(sum: number, from: number, to: number): number {
  return ~csum16Add(csum16Add(~sum, ~from), to) & 0xffff;
}
