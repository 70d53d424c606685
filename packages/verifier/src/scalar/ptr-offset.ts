// SPDX-License-Identifier: MIT
// The variable part of a pointer's offset is a Bounds too; this is its arithmetic. What a pointer is stays outside.
// @see Linux kernel/bpf/verifier.c, adjust_ptr_min_max_vals, check_reg_sane_offset
import type { Bounds } from './bounds.ts';
import { normalise, seal } from './bounds.ts';
import { Draft } from './draft.ts';
import { addRanges, subRanges } from './ranges.ts';
import { tnumAdd, tnumIsConst, tnumSub } from './tnum.ts';
import { SIGN } from './words.ts';

/** Offsets of pointers, fixed, variable and their minimum, stay below this in magnitude. */
export const BPF_MAX_VAR_OFF = 1 << 29;

/** What is wrong with an offset, in the order in which Linux looks. */
export type PtrOffsetFault =
  /** The variable part is known and too large: `math between %s pointer and %lld is not allowed`. */
  | 'const'
  /** The fixed part is too large: `%s pointer offset %d is not allowed`. */
  | 'fixed'
  /** `math between %s pointer and register with unbounded min value is not allowed`. */
  | 'unbounded'
  /** The minimum is too large or too small: `value %lld makes %s pointer be out of bounds`. */
  | 'min';

/** Is this offset, variable part and fixed part (0 for a scalar), one that pointer arithmetic may touch? */
export function ptrOffsetFault(varOff: Bounds, off: number): PtrOffsetFault | undefined {
  if (tnumIsConst(varOff) && tooLarge(varOff.valueLo, varOff.valueHi)) return 'const';
  if (off >= BPF_MAX_VAR_OFF || off <= -BPF_MAX_VAR_OFF) return 'fixed';
  if (varOff.sminLo === 0 && varOff.sminHi === SIGN) return 'unbounded';
  return tooLarge(varOff.sminLo, varOff.sminHi) ? 'min' : undefined;
}

function tooLarge(lo: number, hi: number): boolean {
  return hi !== lo >> 31 || lo >= BPF_MAX_VAR_OFF || lo <= -BPF_MAX_VAR_OFF;
}

/**
 * The new fixed offset where a known `delta` (see `tnumIsConst`) fits into it; undefined where the variable part must
 * change. `delta` is one that {@link isInconsistent} has not refused.
 */
export function foldFixedOffset(off: number, delta: Bounds, direction: 'add' | 'sub'): number | undefined {
  if (!tnumIsConst(delta)) return undefined;
  const moved = direction === 'add' ? off + delta.sminNumber : off - delta.sminNumber;
  return moved === (moved | 0) ? moved : undefined;
}

/** Pointer plus scalar. Not normalised: check the result with {@link ptrOffsetFault}, then {@link syncPtrOffset}. */
export function addPtrOffset(varOff: Bounds, delta: Bounds): Bounds {
  const d = new Draft(varOff);
  addRanges(d, delta);
  tnumAdd(d, delta, d);
  return seal(d);
}

/** Pointer minus scalar. Not normalised: check the result with {@link ptrOffsetFault}, then {@link syncPtrOffset}. */
export function subPtrOffset(varOff: Bounds, delta: Bounds): Bounds {
  const d = new Draft(varOff);
  subRanges(d, delta);
  tnumSub(d, delta, d);
  return seal(d);
}

/** The normalisation that ends pointer arithmetic, also where only the fixed offset changed. */
export function syncPtrOffset(varOff: Bounds): Bounds {
  return varOff.exact ? varOff : normalise(varOff, 'U', 'D', 'B');
}
