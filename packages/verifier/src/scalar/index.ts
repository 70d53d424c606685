// SPDX-License-Identifier: MIT
// The scalar domain: what is known of a 64-bit value, and how ALU operations and jumps change it. It knows no pointer.
// Every Bounds is immutable: share it freely, and compare with `===` before anything else.

export type { Bounds } from './bounds.ts';
/** Making bounds. */
export { UNKNOWN, ZERO, known, knownImm, knownImm32, knownWords, makeBounds, unknownOfSize } from './bounds.ts';
/** Loads, 32-bit moves, and what else reshapes one value. */
export { isInconsistent, normalise, resultUpTo, truncate } from './bounds.ts';

/** ALU operations on two scalars. */
export { aluForgetsReg, scalarAlu } from './alu.ts';
export type { Width } from './alu.ts';

/** Conditional jumps on two scalars: first `branchTaken`, and if that is undefined `refineBranch`. */
export { branchTaken } from './branch.ts';
export { refineBranch } from './branch-refine.ts';

/** The variable offset of a pointer. */
export {
  BPF_MAX_VAR_OFF,
  addPtrOffset,
  foldFixedOffset,
  ptrOffsetFault,
  subPtrOffset,
  syncPtrOffset,
} from './ptr-offset.ts';

/** Pruning. */
export { boundsWithin, rangeWithin, sameBounds } from './equality.ts';

/** Tnums by themselves: a Bounds is a Tnum. Return value checks, alignment. */
export { tnumAdd, tnumIn, tnumIsAligned, tnumIsConst, tnumIsUnknown, tnumRange } from './tnum.ts';

/** The log. */
export { formatBounds, formatKnown } from './print.ts';
export { formatTnum } from './tnum.ts';

export { SCALAR_RULES_5_6 } from './rules.ts';
export type { ScalarRules } from './rules.ts';
