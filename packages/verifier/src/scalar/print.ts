// SPDX-License-Identifier: MIT
// Bounds as the log of v5.6 writes them. @see Linux kernel/bpf/verifier.c, print_verifier_state
import type { Bounds } from './bounds.ts';
import { formatTnum, tnumIsConst, tnumIsUnknown } from './tnum.ts';
import { MAX_HI, SIGN } from './words.ts';

/**
 * The tail of a register's parentheses, with its leading comma: `,umax_value=255,var_off=(0x0; 0xff)`, `,imm=8` (hex)
 * for a known tnum, nothing for an unknown value.
 */
export function formatBounds(b: Bounds): string {
  if (tnumIsConst(b)) return `,imm=${b.value.toString(16)}`;
  let text = '';
  const sameMin = b.sminLo === b.uminLo && b.sminHi === b.uminHi;
  const sameMax = b.smaxLo === b.umaxLo && b.smaxHi === b.umaxHi;
  if (!sameMin && !(b.sminLo === 0 && b.sminHi === SIGN)) text += `,smin_value=${b.smin}`;
  if (!sameMax && !(b.smaxLo === -1 && b.smaxHi === MAX_HI)) text += `,smax_value=${b.smax}`;
  if ((b.uminLo | b.uminHi) !== 0) text += `,umin_value=${b.umin}`;
  if ((b.umaxLo & b.umaxHi) !== -1) text += `,umax_value=${b.umax}`;
  if (!tnumIsUnknown(b)) text += `,var_off=${formatTnum(b)}`;
  return text;
}

/** A known tnum's value plus a fixed offset, signed decimal: the `5` of `inv5`, the `-8` of `fp-8`. */
export function formatKnown(b: Bounds, off = 0): string {
  return BigInt.asIntN(64, b.value + BigInt(off)).toString();
}
