// SPDX-License-Identifier: MIT
// What is known of a 64-bit value: a tnum, a signed range and an unsigned range.
// @see Linux include/linux/bpf_verifier.h, struct bpf_reg_state
import { Draft, becomeKnown, boundsFromTnum, deduceBounds, tnumFromBounds, truncateDraft } from './draft.ts';
import type { Tnum } from './tnum.ts';
import { highWord, lowWord, slt, ult } from './words.ts';

/**
 * Immutable and shared. Words are signed 32-bit halves; the getters without a suffix are bigints (`smin`, `smax`
 * signed, the others unsigned). The `...Number` getters are exact below 2^53 and keep their order above, so they may be
 * compared with any limit below 2^53.
 *
 * The three parts may disagree with each other (a known tnum with a wide range, a minimum above a maximum): Linux keeps
 * such states and treats them in its own way, see {@link isInconsistent}.
 */
export interface Bounds extends Tnum {
  readonly sminLo: number;
  readonly sminHi: number;
  readonly smaxLo: number;
  readonly smaxHi: number;
  readonly uminLo: number;
  readonly uminHi: number;
  readonly umaxLo: number;
  readonly umaxHi: number;
  /** One value, and all parts agree on it. Stronger than a known tnum. */
  readonly exact: boolean;
  readonly smin: bigint;
  readonly smax: bigint;
  readonly umin: bigint;
  readonly umax: bigint;
  readonly sminNumber: number;
  readonly smaxNumber: number;
  readonly uminNumber: number;
  readonly umaxNumber: number;
}

/** Nothing known. There is only one: results that know nothing are this object. */
export const UNKNOWN: Bounds = new Draft();

const UNKNOWN_U8 = unknownBytes(1);
const UNKNOWN_U16 = unknownBytes(2);
const UNKNOWN_U32 = unknownBytes(4);

function unknownBytes(sizeBytes: 1 | 2 | 4): Bounds {
  const d = new Draft();
  truncateDraft(d, sizeBytes);
  return d;
}

/** What a load of this many bytes yields: zero-extended, otherwise unknown. */
export function unknownOfSize(sizeBytes: 1 | 2 | 4 | 8): Bounds {
  if (sizeBytes === 8) return UNKNOWN;
  return sizeBytes === 4 ? UNKNOWN_U32 : sizeBytes === 2 ? UNKNOWN_U16 : UNKNOWN_U8;
}

const CACHE_MIN = -256;
const CACHE_MAX = 1024;
const CACHE: readonly Bounds[] = Array.from({ length: CACHE_MAX - CACHE_MIN + 1 }, (_, i) =>
  newKnown(i + CACHE_MIN, i + CACHE_MIN < 0 ? -1 : 0),
);

function newKnown(lo: number, hi: number): Draft {
  const d = new Draft();
  becomeKnown(d, lo, hi);
  d.exact = true;
  return d;
}

/** The value with these words. Small ones are shared. */
export function knownWords(lo: number, hi: number): Bounds {
  if (hi === lo >> 31 && lo >= CACHE_MIN && lo <= CACHE_MAX) return CACHE[lo - CACHE_MIN];
  return newKnown(lo, hi);
}

/** Exactly this value, given signed or unsigned. */
export function known(value: bigint): Bounds {
  return knownWords(lowWord(value), highWord(value));
}

/** A 32-bit immediate as 64-bit instructions and all jumps use it: sign-extended. */
export function knownImm(imm: number): Bounds {
  return knownWords(imm | 0, imm >> 31);
}

/** A 32-bit immediate as a 32-bit move uses it: zero-extended. */
export function knownImm32(imm: number): Bounds {
  return knownWords(imm | 0, 0);
}

/** Exactly 0. */
export const ZERO: Bounds = knownWords(0, 0);

/** These bounds as they are, without normalisation. What is left out is unbounded. */
export function makeBounds(parts: {
  value?: bigint;
  mask?: bigint;
  smin?: bigint;
  smax?: bigint;
  umin?: bigint;
  umax?: bigint;
}): Bounds {
  const d = new Draft();
  const mask = parts.mask ?? (parts.value === undefined ? -1n : 0n);
  const value = (parts.value ?? 0n) & ~mask;
  d.valueLo = lowWord(value);
  d.valueHi = highWord(value);
  d.maskLo = lowWord(mask);
  d.maskHi = highWord(mask);
  d.sminLo = lowWord(parts.smin ?? d.smin);
  d.sminHi = highWord(parts.smin ?? d.smin);
  d.smaxLo = lowWord(parts.smax ?? d.smax);
  d.smaxHi = highWord(parts.smax ?? d.smax);
  d.uminLo = lowWord(parts.umin ?? d.umin);
  d.uminHi = highWord(parts.umin ?? d.umin);
  d.umaxLo = lowWord(parts.umax ?? d.umax);
  d.umaxHi = highWord(parts.umax ?? d.umax);
  return seal(d);
}

/** Ends a draft: after this nobody writes it. Common results become the shared objects. */
export function seal(d: Draft): Bounds {
  if ((d.maskLo | d.maskHi) === 0) {
    if (!holdsOnly(d, d.valueLo, d.valueHi)) return d;
    if (d.valueHi === d.valueLo >> 31 && d.valueLo >= CACHE_MIN && d.valueLo <= CACHE_MAX) {
      return CACHE[d.valueLo - CACHE_MIN];
    }
    d.exact = true;
    return d;
  }
  if ((d.maskLo & d.maskHi) !== -1) return d;
  return sameBounds(d, UNKNOWN) ? UNKNOWN : d;
}

/** {@link seal}, but an unchanged draft becomes the object it was drafted from. */
export function sealFrom(d: Draft, from: Bounds): Bounds {
  return sameBounds(d, from) ? from : seal(d);
}

function holdsOnly(b: Bounds, lo: number, hi: number): boolean {
  return (
    ((b.sminLo ^ lo) | (b.sminHi ^ hi) | (b.smaxLo ^ lo) | (b.smaxHi ^ hi)) === 0 &&
    ((b.uminLo ^ lo) | (b.uminHi ^ hi) | (b.umaxLo ^ lo) | (b.umaxHi ^ hi)) === 0
  );
}

/** Are all six parts equal? Identity is tried first. */
export function sameBounds(a: Bounds, b: Bounds): boolean {
  return (
    a === b ||
    (a.valueLo === b.valueLo &&
      a.valueHi === b.valueHi &&
      a.maskLo === b.maskLo &&
      a.maskHi === b.maskHi &&
      a.uminLo === b.uminLo &&
      a.uminHi === b.uminHi &&
      a.umaxLo === b.umaxLo &&
      a.umaxHi === b.umaxHi &&
      a.sminLo === b.sminLo &&
      a.sminHi === b.sminHi &&
      a.smaxLo === b.smaxLo &&
      a.smaxHi === b.smaxHi)
  );
}

/** The low bytes, zero-extended; 8 changes nothing. @see Linux kernel/bpf/verifier.c, coerce_reg_to_size */
export function truncate(b: Bounds, sizeBytes: 1 | 2 | 4 | 8): Bounds {
  if (sizeBytes === 8) return b;
  if (b === UNKNOWN) return unknownOfSize(sizeBytes);
  if (b.exact && sizeBytes === 4) return b.valueHi === 0 ? b : knownWords(b.valueLo, 0);
  const d = new Draft(b);
  truncateDraft(d, sizeBytes);
  return sealFrom(d, b);
}

/** May these bounds not be computed with? Linux answers such an operand with an unknown result. */
export function isInconsistent(b: Bounds): boolean {
  if (b.exact) return false;
  const isConst = (b.maskLo | b.maskHi) === 0;
  if (isConst && (b.sminLo !== b.smaxLo || b.sminHi !== b.smaxHi)) return true;
  if (isConst && (b.uminLo !== b.umaxLo || b.uminHi !== b.umaxHi)) return true;
  return slt(b.smaxLo, b.smaxHi, b.sminLo, b.sminHi) || ult(b.umaxLo, b.umaxHi, b.uminLo, b.uminHi);
}

/** The steps of normalisation: `U` tnum to bounds, `D` signed with unsigned, `B` bounds to tnum. */
export type NormaliseStep = 'U' | 'D' | 'B';

/** Applies normalisation steps in order. */
export function normalise(b: Bounds, ...steps: readonly NormaliseStep[]): Bounds {
  const d = new Draft(b);
  for (const step of steps) {
    if (step === 'U') boundsFromTnum(d);
    else if (step === 'D') deduceBounds(d);
    else tnumFromBounds(d);
  }
  return sealFrom(d, b);
}

/**
 * R0 after a helper that returns a length or a negative error, given the length argument's bounds. v5.6 concludes that
 * R0 is not negative, which is wrong: a program's error branch counts as impossible. `keepNegative` is how it was mended.
 * @see Linux kernel/bpf/verifier.c, do_refine_retval_range
 */
export function resultUpTo(size: Bounds, keepNegative = false): Bounds {
  const d = new Draft();
  if (keepNegative) {
    d.smaxLo = size.umaxLo;
    d.smaxHi = size.umaxHi;
  } else {
    d.smaxLo = size.smaxLo;
    d.smaxHi = size.smaxHi;
    d.umaxLo = size.umaxLo;
    d.umaxHi = size.umaxHi;
  }
  deduceBounds(d);
  tnumFromBounds(d);
  return seal(d);
}
