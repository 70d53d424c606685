// SPDX-License-Identifier: MIT
// dst = dst op src of two scalars. @see Linux kernel/bpf/verifier.c, adjust_scalar_min_max_vals
import { BPF_ADD, BPF_AND, BPF_ARSH, BPF_LSH, BPF_MUL, BPF_OR, BPF_RSH, BPF_SUB } from '@tsbpf/uapi';
import type { Bounds } from './bounds.ts';
import { UNKNOWN, isInconsistent, seal, truncate, unknownOfSize } from './bounds.ts';
import {
  Draft,
  becomeKnown,
  boundsFromTnum,
  deduceBounds,
  lowerUmax,
  raiseUmin,
  signedFromUnsigned,
  tnumFromBounds,
  truncateDraft,
  unboundSigned,
  unboundUnsigned,
} from './draft.ts';
import type { ScalarRules } from './rules.ts';
import { SCALAR_RULES_5_6 } from './rules.ts';
import { foldConstants } from './alu-const.ts';
import { addRanges, subRanges } from './ranges.ts';
import { tnumAdd, tnumAnd, tnumArshift, tnumIsConst, tnumLshift, tnumOr, tnumRshift, tnumSub } from './tnum.ts';
import { tnumMul } from './tnum-mul.ts';
import { mulHi, sarHi, sarLo, shlHi, shlLo, shrHi, shrLo, ult, umulHigh } from './words.ts';

/** 64 for BPF_ALU64 and BPF_JMP, 32 for BPF_ALU and BPF_JMP32. */
export type Width = 32 | 64;

/**
 * Bounds of `dst op src`, `op` one of BPF_ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, MOD, XOR, ARSH; an immediate is
 * `knownImm(imm)` for both widths. BPF_NEG and BPF_END give {@link UNKNOWN} and do not come here.
 *
 * As in v5.6 a 32-bit operation by an unknown or inconsistent `src` may leave all 64 bits unknown. Where
 * {@link aluForgetsReg} is true, the register is new: precision marks and ids are to be reset too.
 */
export function scalarAlu(
  op: number,
  width: Width,
  dst: Bounds,
  src: Bounds,
  rules: ScalarRules = SCALAR_RULES_5_6,
): Bounds {
  const b = width === 32 ? truncate(src, 4) : src;
  if (earlyUnknown(op, b)) return UNKNOWN;
  const a = width === 32 ? truncate(dst, 4) : dst;
  if (a.exact && b.exact) {
    const folded = foldConstants(op, width, a, b);
    if (folded !== undefined) return folded;
  } else if (a === UNKNOWN && (op === BPF_ADD || op === BPF_SUB)) {
    return UNKNOWN;
  }
  if (losesAll(op, width, b)) return width === 32 ? unknownOfSize(4) : UNKNOWN;
  const d = new Draft(a);
  transfer(d, op, width, b, rules);
  if (width === 32) truncateDraft(d, 4);
  deduceBounds(d);
  tnumFromBounds(d);
  return seal(d);
}

/** Does `op` by `src` make Linux re-initialise the destination register (as of an unknown value)? */
export function aluForgetsReg(op: number, width: Width, src: Bounds): boolean {
  const b = width === 32 ? truncate(src, 4) : src;
  return earlyUnknown(op, b) || losesAll(op, width, b);
}

/** The two early ends: an operand that cannot be, and one that is not known where the operation wants it known. */
function earlyUnknown(op: number, src: Bounds): boolean {
  if (src.exact) return false;
  if (isInconsistent(src)) return true;
  return !tnumIsConst(src) && op !== BPF_ADD && op !== BPF_SUB && op !== BPF_AND;
}

/** Operations that are not tracked, and shifts by the width or more. */
function losesAll(op: number, width: Width, src: Bounds): boolean {
  switch (op) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_AND:
    case BPF_OR:
      return false;
    case BPF_LSH:
    case BPF_RSH:
    case BPF_ARSH:
      return src.umaxHi !== 0 || src.umaxLo >>> 0 >= width;
    default:
      return true;
  }
}

function transfer(d: Draft, op: number, width: Width, src: Bounds, rules: ScalarRules): void {
  switch (op) {
    case BPF_ADD:
      addRanges(d, src);
      tnumAdd(d, src, d);
      return;
    case BPF_SUB:
      subRanges(d, src);
      tnumSub(d, src, d);
      return;
    case BPF_MUL:
      multiply(d, src, rules);
      return;
    case BPF_AND:
      and(d, src);
      return;
    case BPF_OR:
      or(d, src);
      return;
    case BPF_LSH:
      shiftLeft(d, src.uminLo);
      return;
    case BPF_RSH:
      shiftRight(d, src.uminLo);
      return;
    default:
      shiftRightSigned(d, src.uminLo, width);
  }
}

function multiply(d: Draft, src: Bounds, rules: ScalarRules): void {
  tnumMul(d, src, rules.tnumMul, d);
  if (src.sminHi < 0 || d.sminHi < 0 || src.umaxHi !== 0 || d.umaxHi !== 0) {
    unboundSigned(d);
    unboundUnsigned(d);
    boundsFromTnum(d);
    return;
  }
  // The maxima fit 32 bits; a minimum does unless it is above its maximum, which only impossible branches have.
  d.uminHi = mulHi(d.uminLo, d.uminHi, src.uminLo, src.uminHi);
  d.uminLo = Math.imul(d.uminLo, src.uminLo);
  d.umaxHi = umulHigh(d.umaxLo, src.umaxLo);
  d.umaxLo = Math.imul(d.umaxLo, src.umaxLo);
  if (d.umaxHi < 0) unboundSigned(d);
  else signedFromUnsigned(d);
}

/** Signed bounds after AND and OR: those of the unsigned result unless an operand may be negative. */
function signedAfterBitwise(d: Draft, src: Bounds): void {
  if (d.sminHi < 0 || src.sminHi < 0) unboundSigned(d);
  else signedFromUnsigned(d);
}

function and(d: Draft, src: Bounds): void {
  if (tnumIsConst(src) && tnumIsConst(d)) {
    becomeKnown(d, d.valueLo & src.valueLo, d.valueHi & src.valueHi);
    return;
  }
  tnumAnd(d, src, d);
  d.uminLo = d.valueLo;
  d.uminHi = d.valueHi;
  lowerUmax(d, src.umaxLo, src.umaxHi);
  signedAfterBitwise(d, src);
  boundsFromTnum(d);
}

function or(d: Draft, src: Bounds): void {
  if (tnumIsConst(src) && tnumIsConst(d)) {
    becomeKnown(d, d.valueLo | src.valueLo, d.valueHi | src.valueHi);
    return;
  }
  tnumOr(d, src, d);
  raiseUmin(d, src.uminLo, src.uminHi);
  d.umaxLo = d.valueLo | d.maskLo;
  d.umaxHi = d.valueHi | d.maskHi;
  signedAfterBitwise(d, src);
  boundsFromTnum(d);
}

function shiftLeft(d: Draft, k: number): void {
  unboundSigned(d);
  if (ult(shlLo(1, 63 - k), shlHi(1, 0, 63 - k), d.umaxLo, d.umaxHi)) {
    unboundUnsigned(d);
  } else {
    d.uminHi = shlHi(d.uminLo, d.uminHi, k);
    d.uminLo = shlLo(d.uminLo, k);
    d.umaxHi = shlHi(d.umaxLo, d.umaxHi, k);
    d.umaxLo = shlLo(d.umaxLo, k);
  }
  tnumLshift(d, k, d);
  boundsFromTnum(d);
}

function shiftRight(d: Draft, k: number): void {
  unboundSigned(d);
  tnumRshift(d, k, d);
  d.uminLo = shrLo(d.uminLo, d.uminHi, k);
  d.uminHi = shrHi(d.uminHi, k);
  d.umaxLo = shrLo(d.umaxLo, d.umaxHi, k);
  d.umaxHi = shrHi(d.umaxHi, k);
  boundsFromTnum(d);
}

function shiftRightSigned(d: Draft, k: number, width: Width): void {
  if (width === 32) {
    d.sminLo >>= k;
    d.sminHi = 0;
    d.smaxLo >>= k;
    d.smaxHi = 0;
  } else {
    d.sminLo = sarLo(d.sminLo, d.sminHi, k);
    d.sminHi = sarHi(d.sminHi, k);
    d.smaxLo = sarLo(d.smaxLo, d.smaxHi, k);
    d.smaxHi = sarHi(d.smaxHi, k);
  }
  tnumArshift(d, k, width, d);
  unboundUnsigned(d);
  boundsFromTnum(d);
}
