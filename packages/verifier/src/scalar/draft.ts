// SPDX-License-Identifier: MIT
// The one mutable thing of the scalar domain: bounds that are still being computed. A transfer function makes one
// draft, works on it in place, seals it, and from then on it is shared and never written again.
import { TnumCell, rangeMaskHi, rangeMaskLo } from './tnum.ts';
import type { Bounds } from './bounds.ts';
import { MAX_HI, SIGN, slt, toS64, toU64, ult } from './words.ts';

/**
 * Twelve words and a flag in one flat object: V8 keeps them as small integers, without boxes. The fields are only
 * declared: a field definition would store each of them twice.
 */
export class Draft extends TnumCell implements Bounds {
  declare sminLo: number;
  declare sminHi: number;
  declare smaxLo: number;
  declare smaxHi: number;
  declare uminLo: number;
  declare uminHi: number;
  declare umaxLo: number;
  declare umaxHi: number;
  declare exact: boolean;

  /** A copy, or nothing known. */
  constructor(b?: Bounds) {
    if (b === undefined) {
      super(0, 0, -1, -1);
      this.sminLo = 0;
      this.sminHi = SIGN;
      this.smaxLo = -1;
      this.smaxHi = MAX_HI;
      this.uminLo = 0;
      this.uminHi = 0;
      this.umaxLo = -1;
      this.umaxHi = -1;
      this.exact = false;
      return;
    }
    super(b.valueLo, b.valueHi, b.maskLo, b.maskHi);
    this.sminLo = b.sminLo;
    this.sminHi = b.sminHi;
    this.smaxLo = b.smaxLo;
    this.smaxHi = b.smaxHi;
    this.uminLo = b.uminLo;
    this.uminHi = b.uminHi;
    this.umaxLo = b.umaxLo;
    this.umaxHi = b.umaxHi;
    this.exact = false;
  }

  get smin(): bigint {
    return toS64(this.sminLo, this.sminHi);
  }

  get smax(): bigint {
    return toS64(this.smaxLo, this.smaxHi);
  }

  get umin(): bigint {
    return toU64(this.uminLo, this.uminHi);
  }

  get umax(): bigint {
    return toU64(this.umaxLo, this.umaxHi);
  }

  get sminNumber(): number {
    return this.sminHi * 0x1_0000_0000 + (this.sminLo >>> 0);
  }

  get smaxNumber(): number {
    return this.smaxHi * 0x1_0000_0000 + (this.smaxLo >>> 0);
  }

  get uminNumber(): number {
    return (this.uminHi >>> 0) * 0x1_0000_0000 + (this.uminLo >>> 0);
  }

  get umaxNumber(): number {
    return (this.umaxHi >>> 0) * 0x1_0000_0000 + (this.umaxLo >>> 0);
  }
}

export function unboundSigned(d: Draft): void {
  d.sminLo = 0;
  d.sminHi = SIGN;
  d.smaxLo = -1;
  d.smaxHi = MAX_HI;
}

export function unboundUnsigned(d: Draft): void {
  d.uminLo = 0;
  d.uminHi = 0;
  d.umaxLo = -1;
  d.umaxHi = -1;
}

/** All parts become this value; the draft stays unsealed. @see Linux kernel/bpf/verifier.c, __mark_reg_known */
export function becomeKnown(d: Draft, lo: number, hi: number): void {
  d.maskLo = d.maskHi = 0;
  d.valueLo = d.sminLo = d.smaxLo = d.uminLo = d.umaxLo = lo;
  d.valueHi = d.sminHi = d.smaxHi = d.uminHi = d.umaxHi = hi;
}

/** Signed bounds become the unsigned ones, bit for bit. */
export function signedFromUnsigned(d: Draft): void {
  d.sminLo = d.uminLo;
  d.sminHi = d.uminHi;
  d.smaxLo = d.umaxLo;
  d.smaxHi = d.umaxHi;
}

/** umin = max(umin, x). */
export function raiseUmin(d: Draft, lo: number, hi: number): void {
  if (ult(d.uminLo, d.uminHi, lo, hi)) {
    d.uminLo = lo;
    d.uminHi = hi;
  }
}

/** umax = min(umax, x). */
export function lowerUmax(d: Draft, lo: number, hi: number): void {
  if (ult(lo, hi, d.umaxLo, d.umaxHi)) {
    d.umaxLo = lo;
    d.umaxHi = hi;
  }
}

/** smin = max(smin, x). */
export function raiseSmin(d: Draft, lo: number, hi: number): void {
  if (slt(d.sminLo, d.sminHi, lo, hi)) {
    d.sminLo = lo;
    d.sminHi = hi;
  }
}

/** smax = min(smax, x). */
export function lowerSmax(d: Draft, lo: number, hi: number): void {
  if (slt(lo, hi, d.smaxLo, d.smaxHi)) {
    d.smaxLo = lo;
    d.smaxHi = hi;
  }
}

/** U: the bounds learn from the tnum. @see Linux kernel/bpf/verifier.c, __update_reg_bounds */
export function boundsFromTnum(d: Draft): void {
  const { valueLo, valueHi, maskHi } = d;
  const mostLo = valueLo | d.maskLo;
  raiseSmin(d, valueLo, valueHi | (maskHi & SIGN));
  lowerSmax(d, mostLo, valueHi | (maskHi & MAX_HI));
  raiseUmin(d, valueLo, valueHi);
  lowerUmax(d, mostLo, valueHi | maskHi);
}

/** D: signed and unsigned bounds learn from each other. @see Linux kernel/bpf/verifier.c, __reg_deduce_bounds */
export function deduceBounds(d: Draft): void {
  if (d.sminHi >= 0 || d.smaxHi < 0) {
    joinMins(d);
    joinMaxes(d);
  } else if (d.umaxHi >= 0) {
    d.sminLo = d.uminLo;
    d.sminHi = d.uminHi;
    joinMaxes(d);
  } else if (d.uminHi < 0) {
    joinMins(d);
    d.smaxLo = d.umaxLo;
    d.smaxHi = d.umaxHi;
  }
}

/** Both minima become the greater of the two, compared unsigned. */
function joinMins(d: Draft): void {
  raiseUmin(d, d.sminLo, d.sminHi);
  d.sminLo = d.uminLo;
  d.sminHi = d.uminHi;
}

/** Both maxima become the lesser of the two, compared unsigned. */
function joinMaxes(d: Draft): void {
  lowerUmax(d, d.smaxLo, d.smaxHi);
  d.smaxLo = d.umaxLo;
  d.smaxHi = d.umaxHi;
}

/** B: the tnum learns from the unsigned bounds. @see Linux kernel/bpf/verifier.c, __reg_bound_offset */
export function tnumFromBounds(d: Draft): void {
  const rangeLo = rangeMaskLo(d.uminLo, d.uminHi, d.umaxLo, d.umaxHi);
  const rangeHi = rangeMaskHi(d.uminHi, d.umaxHi);
  const maskLo = d.maskLo & rangeLo;
  const maskHi = d.maskHi & rangeHi;
  d.valueLo = (d.valueLo | (d.uminLo & ~rangeLo)) & ~maskLo;
  d.valueHi = (d.valueHi | (d.uminHi & ~rangeHi)) & ~maskHi;
  d.maskLo = maskLo;
  d.maskHi = maskHi;
}

/** Keep the low bytes, zero-extended. @see Linux kernel/bpf/verifier.c, coerce_reg_to_size */
export function truncateDraft(d: Draft, sizeBytes: 1 | 2 | 4): void {
  const keep = sizeBytes === 4 ? -1 : (1 << (sizeBytes * 8)) - 1;
  const sameUpper = d.uminHi === d.umaxHi && ((d.uminLo ^ d.umaxLo) & ~keep) === 0;
  d.valueLo &= keep;
  d.valueHi = 0;
  d.maskLo &= keep;
  d.maskHi = 0;
  d.uminLo = sameUpper ? d.uminLo & keep : 0;
  d.uminHi = 0;
  d.umaxLo = sameUpper ? d.umaxLo & keep : keep;
  d.umaxHi = 0;
  signedFromUnsigned(d);
}
