// SPDX-License-Identifier: MIT
// What both sides of an undecided conditional jump learn.
// @see Linux kernel/bpf/verifier.c, reg_set_min_max, reg_set_min_max_inv, reg_combine_min_max
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
} from '@tsbpf/uapi';
import type { Width } from './alu.ts';
import type { Bounds } from './bounds.ts';
import { sealFrom } from './bounds.ts';
import {
  Draft,
  becomeKnown,
  boundsFromTnum,
  deduceBounds,
  lowerSmax,
  lowerUmax,
  raiseSmin,
  raiseUmin,
  tnumFromBounds,
} from './draft.ts';
import { TnumCell, tnumAnd, tnumConstSubreg, tnumIntersect, tnumIsConst, tnumOr } from './tnum.ts';

/**
 * The operands on both sides of the jump. What learned nothing is the same object as before. Where dst and src are the
 * same register, store the source first and the destination after it.
 */
export interface BranchSides {
  readonly takenDst: Bounds;
  readonly takenSrc: Bounds;
  readonly fallDst: Bounds;
  readonly fallSrc: Bounds;
}

/**
 * Bounds after `if dst op src` that {@link branchTaken} could not decide; an immediate is `knownImm(imm)`.
 * One side must be known (its low half, for width 32), or the comparison a 64-bit BPF_JEQ or BPF_JNE: otherwise v5.6
 * learns nothing.
 */
export function refineBranch(op: number, width: Width, dst: Bounds, src: Bounds): BranchSides {
  if (isComparable(src, width)) {
    const { taken, fall } = compareWith(op, width, dst, src.valueLo, src.valueHi);
    return { takenDst: taken, takenSrc: src, fallDst: fall, fallSrc: src };
  }
  if (isComparable(dst, width)) {
    const { taken, fall } = compareWith(mirrored(op), width, src, dst.valueLo, dst.valueHi);
    return { takenDst: dst, takenSrc: taken, fallDst: dst, fallSrc: fall };
  }
  if (width === 64 && (op === BPF_JEQ || op === BPF_JNE)) {
    const both = combine(dst, src);
    const equalDst = sealFrom(both, dst);
    const equalSrc = sealFrom(both, src);
    return op === BPF_JEQ
      ? { takenDst: equalDst, takenSrc: equalSrc, fallDst: dst, fallSrc: src }
      : { takenDst: dst, takenSrc: src, fallDst: equalDst, fallSrc: equalSrc };
  }
  return { takenDst: dst, takenSrc: src, fallDst: dst, fallSrc: src };
}

function isComparable(b: Bounds, width: Width): boolean {
  return width === 32 ? b.maskLo === 0 : tnumIsConst(b);
}

/** The operation with its operands exchanged. */
function mirrored(op: number): number {
  switch (op) {
    case BPF_JGT:
      return BPF_JLT;
    case BPF_JGE:
      return BPF_JLE;
    case BPF_JLT:
      return BPF_JGT;
    case BPF_JLE:
      return BPF_JGE;
    case BPF_JSGT:
      return BPF_JSLT;
    case BPF_JSGE:
      return BPF_JSLE;
    case BPF_JSLT:
      return BPF_JSGT;
    case BPF_JSLE:
      return BPF_JSGE;
    default:
      return op;
  }
}

/** Two values that are equal: each knows what either knew. */
function combine(a: Bounds, b: Bounds): Draft {
  const d = new Draft(a);
  raiseUmin(d, b.uminLo, b.uminHi);
  lowerUmax(d, b.umaxLo, b.umaxHi);
  raiseSmin(d, b.sminLo, b.sminHi);
  lowerSmax(d, b.smaxLo, b.smaxHi);
  tnumIntersect(d, b, d);
  boundsFromTnum(d);
  deduceBounds(d);
  tnumFromBounds(d);
  boundsFromTnum(d);
  return d;
}

function compareWith(
  op: number,
  width: Width,
  b: Bounds,
  valLo: number,
  valHi: number,
): { taken: Bounds; fall: Bounds } {
  const taken = new Draft(b);
  const fall = new Draft(b);
  const lo = valLo;
  const hi = width === 32 ? 0 : valHi;
  switch (op) {
    case BPF_JEQ:
      pinTo(taken, width, lo, hi);
      break;
    case BPF_JNE:
      pinTo(fall, width, lo, hi);
      break;
    case BPF_JSET:
      tnumAnd(fall, new TnumCell(~lo, ~hi, 0, 0), fall);
      if (isPowerOfTwo(lo, hi)) tnumOr(taken, new TnumCell(lo, hi, 0, 0), taken);
      break;
    case BPF_JGT:
      atMost(fall, width, lo, hi, 0);
      atLeast(taken, width, lo, hi, 1);
      break;
    case BPF_JGE:
      atMost(fall, width, lo, hi, -1);
      atLeast(taken, width, lo, hi, 0);
      break;
    case BPF_JLT:
      atLeast(fall, width, lo, hi, 0);
      atMost(taken, width, lo, hi, -1);
      break;
    case BPF_JLE:
      atLeast(fall, width, lo, hi, 1);
      atMost(taken, width, lo, hi, 0);
      break;
    default:
      compareSigned(op, width, taken, fall, lo, width === 32 ? lo >> 31 : valHi);
  }
  finish(taken);
  finish(fall);
  return { taken: sealFrom(taken, b), fall: sealFrom(fall, b) };
}

function finish(d: Draft): void {
  deduceBounds(d);
  tnumFromBounds(d);
  boundsFromTnum(d);
}

/** The value is known; of width 32 only the low half of the tnum is, and the ranges are left to the normalisation. */
function pinTo(d: Draft, width: Width, lo: number, hi: number): void {
  if (width === 32) {
    tnumConstSubreg(d, lo, d);
    return;
  }
  becomeKnown(d, lo, hi);
}

function isPowerOfTwo(lo: number, hi: number): boolean {
  if (hi === 0) return lo !== 0 && (lo & (lo - 1)) === 0;
  return lo === 0 && (hi & (hi - 1)) === 0;
}

/** High word of x + step, step -1, 0 or 1. */
function stepHi(lo: number, hi: number, step: number): number {
  if (step === 1 && lo === -1) return (hi + 1) | 0;
  if (step === -1 && lo === 0) return (hi - 1) | 0;
  return hi;
}

/** Unsigned: at least x + step. Of width 32 the least upper half comes on top. */
function atLeast(d: Draft, width: Width, lo: number, hi: number, step: number): void {
  const upper = width === 32 ? d.valueHi : 0;
  raiseUmin(d, (lo + step) | 0, (stepHi(lo, hi, step) + upper) | 0);
}

/** Unsigned: at most x + step. Of width 32 the greatest upper half comes on top. */
function atMost(d: Draft, width: Width, lo: number, hi: number, step: number): void {
  const upper = width === 32 ? d.valueHi | d.maskHi : 0;
  lowerUmax(d, (lo + step) | 0, (stepHi(lo, hi, step) + upper) | 0);
}

function compareSigned(op: number, width: Width, taken: Draft, fall: Draft, lo: number, hi: number): void {
  if (width === 32 && !isSignExtended(fall, lo)) return;
  switch (op) {
    case BPF_JSGT:
      lowerSmax(fall, lo, hi);
      raiseSmin(taken, (lo + 1) | 0, stepHi(lo, hi, 1));
      return;
    case BPF_JSGE:
      lowerSmax(fall, (lo - 1) | 0, stepHi(lo, hi, -1));
      raiseSmin(taken, lo, hi);
      return;
    case BPF_JSLT:
      raiseSmin(fall, lo, hi);
      lowerSmax(taken, (lo - 1) | 0, stepHi(lo, hi, -1));
      return;
    case BPF_JSLE:
      raiseSmin(fall, (lo + 1) | 0, stepHi(lo, hi, 1));
      lowerSmax(taken, lo, hi);
  }
}

/** Is the whole value within 32 signed bits, on the constant's side of 0 (0 itself counts for both)? */
function isSignExtended(b: Bounds, constant: number): boolean {
  if (constant >= 0) return b.sminHi >= 0 && (b.smaxHi < 0 || (b.smaxHi === 0 && b.smaxLo >= 0));
  const notPositive = b.smaxHi < 0 || (b.smaxHi | b.smaxLo) === 0;
  return notPositive && (b.sminHi >= 0 || (b.sminHi === -1 && b.sminLo < 0));
}
