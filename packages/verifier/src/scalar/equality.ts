// SPDX-License-Identifier: MIT
// The comparisons that pruning needs. @see Linux kernel/bpf/verifier.c, range_within, regsafe
import type { Bounds } from './bounds.ts';
import { tnumIn } from './tnum.ts';
import { slt, ult } from './words.ts';

export { sameBounds } from './bounds.ts';

/** Do both ranges of `old` contain those of `cur`? */
export function rangeWithin(old: Bounds, cur: Bounds): boolean {
  return (
    !ult(cur.uminLo, cur.uminHi, old.uminLo, old.uminHi) &&
    !ult(old.umaxLo, old.umaxHi, cur.umaxLo, cur.umaxHi) &&
    !slt(cur.sminLo, cur.sminHi, old.sminLo, old.sminHi) &&
    !slt(old.smaxLo, old.smaxHi, cur.smaxLo, cur.smaxHi)
  );
}

/** Is all that holds of `old` true of `cur`: ranges and tnum? */
export function boundsWithin(old: Bounds, cur: Bounds): boolean {
  return old === cur || (rangeWithin(old, cur) && tnumIn(old, cur));
}
