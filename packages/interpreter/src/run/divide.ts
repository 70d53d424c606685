// SPDX-License-Identifier: MIT
// 64-bit division of lo/hi words, unsigned: by what fits in 32 bits in words, by more with BigInt. Zero divides to 0
// and leaves remainders alone. @see Documentation/bpf/standardization/instruction-set.rst

type Words = Int32Array;

function toBig(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

function setBig(lo: Words, hi: Words, d: number, value: bigint): void {
  lo[d] = Number(value & 0xffffffffn);
  hi[d] = Number((value >> 32n) & 0xffffffffn);
}

/** dst /= src */
export function div64(lo: Words, hi: Words, d: number, s: number): void {
  if (hi[s] !== 0) {
    if (hi[d] >>> 0 < hi[s] >>> 0) {
      lo[d] = 0;
      hi[d] = 0;
    } else {
      setBig(lo, hi, d, toBig(lo[d], hi[d]) / toBig(lo[s], hi[s]));
    }
    return;
  }
  const b = lo[s] >>> 0;
  const l = lo[d] >>> 0;
  const h = hi[d] >>> 0;
  if (b === 0) {
    lo[d] = 0;
    hi[d] = 0;
  } else if (h === 0) {
    lo[d] = l / b;
  } else {
    // By halves: a remainder below 2^32 and 16 bits more stay exact.
    const high = h % b;
    const mid = high * 0x10000 + (l >>> 16);
    const low = (mid % b) * 0x10000 + (l & 0xffff);
    hi[d] = h / b;
    lo[d] = (Math.floor(mid / b) << 16) | Math.floor(low / b);
  }
}

/** dst %= src */
export function mod64(lo: Words, hi: Words, d: number, s: number): void {
  if (hi[s] !== 0) {
    if (hi[d] >>> 0 >= hi[s] >>> 0) setBig(lo, hi, d, toBig(lo[d], hi[d]) % toBig(lo[s], hi[s]));
    return;
  }
  const b = lo[s] >>> 0;
  if (b === 0) return;
  const l = lo[d] >>> 0;
  const h = hi[d] >>> 0;
  if (h === 0) {
    lo[d] = l % b;
    return;
  }
  const mid = (h % b) * 0x10000 + (l >>> 16);
  lo[d] = ((mid % b) * 0x10000 + (l & 0xffff)) % b;
  hi[d] = 0;
}

function toSigned(lo: number, hi: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo >>> 0);
}

/** dst = (s64)dst / (s64)src; the least number by -1 is itself. */
export function sdiv64(lo: Words, hi: Words, d: number, s: number): void {
  const b = toSigned(lo[s], hi[s]);
  setBig(lo, hi, d, b === 0n ? 0n : toSigned(lo[d], hi[d]) / b);
}

/** dst = (s64)dst % (s64)src, with the sign of dst. */
export function smod64(lo: Words, hi: Words, d: number, s: number): void {
  const b = toSigned(lo[s], hi[s]);
  if (b !== 0n) setBig(lo, hi, d, toSigned(lo[d], hi[d]) % b);
}

/** The low words divided as signed numbers; |0 wraps the least number by -1. */
export function sdiv32(a: number, b: number): number {
  return b === 0 ? 0 : (a / b) | 0;
}

export function smod32(a: number, b: number): number {
  return b === 0 ? a : (a % b) | 0;
}
