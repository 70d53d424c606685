// SPDX-License-Identifier: MIT
// Tracked numbers: what is known of each of a value's 64 bits.
// @see Linux kernel/bpf/tnum.c, include/linux/tnum.h
import { addHi, highWord, lowWord, sarHi, sarLo, shlHi, shlLo, shrHi, shrLo, subHi, toU64 } from './words.ts';

/**
 * A bit is unknown where the mask has it, otherwise it is the value's. Invariant: value & mask is 0.
 * Words are signed 32-bit; `value` and `mask` are the same as unsigned bigints.
 */
export interface Tnum {
  readonly valueLo: number;
  readonly valueHi: number;
  readonly maskLo: number;
  readonly maskHi: number;
  readonly value: bigint;
  readonly mask: bigint;
}

/** A tnum under construction. Operations read both operands before they write `out`, so `out` may be an operand. */
export class TnumCell implements Tnum {
  declare valueLo: number;
  declare valueHi: number;
  declare maskLo: number;
  declare maskHi: number;

  constructor(valueLo: number, valueHi: number, maskLo: number, maskHi: number) {
    this.valueLo = valueLo;
    this.valueHi = valueHi;
    this.maskLo = maskLo;
    this.maskHi = maskHi;
  }

  get value(): bigint {
    return toU64(this.valueLo, this.valueHi);
  }

  get mask(): bigint {
    return toU64(this.maskLo, this.maskHi);
  }
}

function cell(): TnumCell {
  return new TnumCell(0, 0, 0, 0);
}

function put(out: TnumCell, valueLo: number, valueHi: number, maskLo: number, maskHi: number): TnumCell {
  out.valueLo = valueLo;
  out.valueHi = valueHi;
  out.maskLo = maskLo;
  out.maskHi = maskHi;
  return out;
}

/** Nothing known. */
export const TNUM_UNKNOWN: Tnum = new TnumCell(0, 0, -1, -1);

/** The tnum with this value and mask; bits in both count as unknown. */
export function tnum(value: bigint, mask: bigint): Tnum {
  const known = value & ~mask;
  return new TnumCell(lowWord(known), highWord(known), lowWord(mask), highWord(mask));
}

/** All bits known. */
export function tnumConst(value: bigint): Tnum {
  return new TnumCell(lowWord(value), highWord(value), 0, 0);
}

/** The common leading bits of the unsigned range min..max. */
export function tnumRange(min: bigint, max: bigint): Tnum {
  return rangeTnum(lowWord(min), highWord(min), lowWord(max), highWord(max));
}

/** {@link tnumRange} of words. */
export function rangeTnum(minLo: number, minHi: number, maxLo: number, maxHi: number, out = cell()): TnumCell {
  const maskLo = rangeMaskLo(minLo, minHi, maxLo, maxHi);
  const maskHi = rangeMaskHi(minHi, maxHi);
  return put(out, minLo & ~maskLo, minHi & ~maskHi, maskLo, maskHi);
}

/** Low word of the mask of {@link rangeTnum}: all bits at and below the first in which min and max differ. */
export function rangeMaskLo(minLo: number, minHi: number, maxLo: number, maxHi: number): number {
  return minHi === maxHi ? smear(minLo ^ maxLo) : -1;
}

/** High word of the mask of {@link rangeTnum}. */
export function rangeMaskHi(minHi: number, maxHi: number): number {
  return smear(minHi ^ maxHi);
}

function smear(word: number): number {
  return word === 0 ? 0 : (0xffffffff >>> Math.clz32(word)) | 0;
}

export function tnumIsConst(a: Tnum): boolean {
  return (a.maskLo | a.maskHi) === 0;
}

export function tnumIsUnknown(a: Tnum): boolean {
  return (a.maskLo & a.maskHi) === -1;
}

export function tnumLshift(a: Tnum, k: number, out = cell()): TnumCell {
  const { valueLo, maskLo } = a;
  return put(out, shlLo(valueLo, k), shlHi(valueLo, a.valueHi, k), shlLo(maskLo, k), shlHi(maskLo, a.maskHi, k));
}

export function tnumRshift(a: Tnum, k: number, out = cell()): TnumCell {
  const { valueHi, maskHi } = a;
  return put(out, shrLo(a.valueLo, valueHi, k), shrHi(valueHi, k), shrLo(a.maskLo, maskHi, k), shrHi(maskHi, k));
}

/** Shift right with the sign; of width 32 the low word only, and the result is zero-extended. */
export function tnumArshift(a: Tnum, k: number, width: 32 | 64, out = cell()): TnumCell {
  if (width === 32) return put(out, a.valueLo >> k, 0, a.maskLo >> k, 0);
  const { valueHi, maskHi } = a;
  return put(out, sarLo(a.valueLo, valueHi, k), sarHi(valueHi, k), sarLo(a.maskLo, maskHi, k), sarHi(maskHi, k));
}

export function tnumAdd(a: Tnum, b: Tnum, out = cell()): TnumCell {
  const maskLo = (a.maskLo + b.maskLo) | 0;
  const maskHi = addHi(a.maskLo, a.maskHi, b.maskHi, maskLo);
  const valueLo = (a.valueLo + b.valueLo) | 0;
  const valueHi = addHi(a.valueLo, a.valueHi, b.valueHi, valueLo);
  const allLo = (maskLo + valueLo) | 0;
  const unknownLo = (allLo ^ valueLo) | a.maskLo | b.maskLo;
  const unknownHi = (addHi(maskLo, maskHi, valueHi, allLo) ^ valueHi) | a.maskHi | b.maskHi;
  return put(out, valueLo & ~unknownLo, valueHi & ~unknownHi, unknownLo, unknownHi);
}

export function tnumSub(a: Tnum, b: Tnum, out = cell()): TnumCell {
  const valueLo = (a.valueLo - b.valueLo) | 0;
  const valueHi = subHi(a.valueLo, a.valueHi, b.valueLo, b.valueHi);
  const mostLo = (valueLo + a.maskLo) | 0;
  const mostHi = addHi(valueLo, valueHi, a.maskHi, mostLo);
  const leastLo = (valueLo - b.maskLo) | 0;
  const leastHi = subHi(valueLo, valueHi, b.maskLo, b.maskHi);
  const unknownLo = (mostLo ^ leastLo) | a.maskLo | b.maskLo;
  const unknownHi = (mostHi ^ leastHi) | a.maskHi | b.maskHi;
  return put(out, valueLo & ~unknownLo, valueHi & ~unknownHi, unknownLo, unknownHi);
}

export function tnumAnd(a: Tnum, b: Tnum, out = cell()): TnumCell {
  const valueLo = a.valueLo & b.valueLo;
  const valueHi = a.valueHi & b.valueHi;
  const maskLo = (a.valueLo | a.maskLo) & (b.valueLo | b.maskLo) & ~valueLo;
  const maskHi = (a.valueHi | a.maskHi) & (b.valueHi | b.maskHi) & ~valueHi;
  return put(out, valueLo, valueHi, maskLo, maskHi);
}

export function tnumOr(a: Tnum, b: Tnum, out = cell()): TnumCell {
  const valueLo = a.valueLo | b.valueLo;
  const valueHi = a.valueHi | b.valueHi;
  return put(out, valueLo, valueHi, (a.maskLo | b.maskLo) & ~valueLo, (a.maskHi | b.maskHi) & ~valueHi);
}

export function tnumXor(a: Tnum, b: Tnum, out = cell()): TnumCell {
  const maskLo = a.maskLo | b.maskLo;
  const maskHi = a.maskHi | b.maskHi;
  return put(out, (a.valueLo ^ b.valueLo) & ~maskLo, (a.valueHi ^ b.valueHi) & ~maskHi, maskLo, maskHi);
}

/** What both say; where they contradict each other a known 1 wins, as in Linux. */
export function tnumIntersect(a: Tnum, b: Tnum, out = cell()): TnumCell {
  const maskLo = a.maskLo & b.maskLo;
  const maskHi = a.maskHi & b.maskHi;
  return put(out, (a.valueLo | b.valueLo) & ~maskLo, (a.valueHi | b.valueHi) & ~maskHi, maskLo, maskHi);
}

/** The low 1, 2 or 4 bytes, zero-extended. */
export function tnumCast(a: Tnum, sizeBytes: 1 | 2 | 4 | 8, out = cell()): TnumCell {
  if (sizeBytes === 8) return put(out, a.valueLo, a.valueHi, a.maskLo, a.maskHi);
  const keep = sizeBytes === 4 ? -1 : (1 << (sizeBytes * 8)) - 1;
  return put(out, a.valueLo & keep, 0, a.maskLo & keep, 0);
}

/** Is every value of `b` one of `a`? */
export function tnumIn(a: Tnum, b: Tnum): boolean {
  if (((b.maskLo & ~a.maskLo) | (b.maskHi & ~a.maskHi)) !== 0) return false;
  return (b.valueLo & ~a.maskLo) === a.valueLo && (b.valueHi & ~a.maskHi) === a.valueHi;
}

/** Is every value a multiple of `sizeBytes`, a power of two up to 2^30? Of 0 always. */
export function tnumIsAligned(a: Tnum, sizeBytes: number): boolean {
  return sizeBytes === 0 || ((a.valueLo | a.maskLo) & (sizeBytes - 1)) === 0;
}

/** The low 32 bits; the high ones are 0. */
export function tnumSubreg(a: Tnum, out = cell()): TnumCell {
  return put(out, a.valueLo, 0, a.maskLo, 0);
}

/** The high 32 bits; the low ones are 0. */
export function tnumClearSubreg(a: Tnum, out = cell()): TnumCell {
  return put(out, 0, a.valueHi, 0, a.maskHi);
}

/** The high 32 bits kept, the low ones known. */
export function tnumConstSubreg(a: Tnum, lo: number, out = cell()): TnumCell {
  return put(out, lo | 0, a.valueHi, 0, a.maskHi);
}

/** As the verifier's log has it: `(0x0; 0xff)`. */
export function formatTnum(a: Tnum): string {
  return `(0x${a.value.toString(16)}; 0x${a.mask.toString(16)})`;
}
