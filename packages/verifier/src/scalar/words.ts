// SPDX-License-Identifier: MIT
// 64-bit integers as two signed 32-bit words (lo, hi). Every word that is stored has passed `| 0`.

/** The sign bit of a word: as a high word it makes 2^63. */
export const SIGN = -0x80000000;
/** The high word of the largest signed 64-bit value. */
export const MAX_HI = 0x7fffffff;

/** a < b, both unsigned. */
export function ult(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
}

/** a < b, both signed. */
export function slt(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi < bHi;
}

/** High word of a + b, where `sumLo` is the low word of the sum. */
export function addHi(aLo: number, aHi: number, bHi: number, sumLo: number): number {
  return (aHi + bHi + (sumLo >>> 0 < aLo >>> 0 ? 1 : 0)) | 0;
}

/** High word of a - b. */
export function subHi(aLo: number, aHi: number, bLo: number, bHi: number): number {
  return (aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0)) | 0;
}

/** Did the signed sum of words with these high words overflow? */
export function addOverflows(aHi: number, bHi: number, sumHi: number): boolean {
  return ((aHi ^ sumHi) & (bHi ^ sumHi)) < 0;
}

/** Did the signed difference of words with these high words overflow? */
export function subOverflows(aHi: number, bHi: number, diffHi: number): boolean {
  return ((aHi ^ bHi) & (aHi ^ diffHi)) < 0;
}

/** Low word of a << k, k in 0..63. */
export function shlLo(lo: number, k: number): number {
  return k < 32 ? lo << k : 0;
}

/** High word of a << k, k in 0..63. */
export function shlHi(lo: number, hi: number, k: number): number {
  if (k === 0) return hi;
  return k < 32 ? (hi << k) | (lo >>> (32 - k)) : lo << (k - 32);
}

/** Low word of a >> k, zeros shifted in, k in 0..63. */
export function shrLo(lo: number, hi: number, k: number): number {
  if (k === 0) return lo;
  return k < 32 ? (lo >>> k) | (hi << (32 - k)) : (hi >>> (k - 32)) | 0;
}

/** High word of a >> k, zeros shifted in, k in 0..63. */
export function shrHi(hi: number, k: number): number {
  return k < 32 ? (hi >>> k) | 0 : 0;
}

/** Low word of a >> k, copies of the sign shifted in, k in 0..63. */
export function sarLo(lo: number, hi: number, k: number): number {
  if (k === 0) return lo;
  return k < 32 ? (lo >>> k) | (hi << (32 - k)) : hi >> (k - 32);
}

/** High word of a >> k, copies of the sign shifted in, k in 0..63. */
export function sarHi(hi: number, k: number): number {
  return k < 32 ? hi >> k : hi >> 31;
}

/** The upper 32 bits of the product of two unsigned words. */
export function umulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const cross = a1 * b0;
  const middle = a0 * b1 + ((a0 * b0) >>> 16) + (cross & 0xffff);
  return (a1 * b1 + (cross >>> 16) + Math.floor(middle / 0x10000)) | 0;
}

/** High word of a * b; the low word is `Math.imul(aLo, bLo)`. */
export function mulHi(aLo: number, aHi: number, bLo: number, bHi: number): number {
  return (umulHigh(aLo, bLo) + Math.imul(aLo, bHi) + Math.imul(aHi, bLo)) | 0;
}

export function toU64(lo: number, hi: number): bigint {
  return hi === 0 ? BigInt(lo >>> 0) : (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

export function toS64(lo: number, hi: number): bigint {
  return hi === lo >> 31 ? BigInt(lo) : (BigInt(hi) << 32n) | BigInt(lo >>> 0);
}

/** The low word of a 64-bit value, signed or unsigned. */
export function lowWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

/** The high word of a 64-bit value, signed or unsigned. */
export function highWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}
