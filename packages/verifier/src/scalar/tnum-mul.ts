// SPDX-License-Identifier: MIT
import type { Tnum } from './tnum.ts';
import { TnumCell, tnumAdd } from './tnum.ts';
import { mulHi, shlHi, shlLo } from './words.ts';

/** Which multiplication: up to Linux 5.13, or the more precise one of 5.14. */
export type TnumMulRule = 'v5.6' | 'v5.14';

/** a * b mod 2^64. @see Linux kernel/bpf/tnum.c, tnum_mul */
export function tnumMul(a: Tnum, b: Tnum, rule: TnumMulRule = 'v5.6', out = new TnumCell(0, 0, 0, 0)): TnumCell {
  const product = new TnumCell(
    Math.imul(a.valueLo, b.valueLo),
    mulHi(a.valueLo, a.valueHi, b.valueLo, b.valueHi),
    0,
    0,
  );
  if ((a.maskLo | a.maskHi | (b.maskLo | b.maskHi)) === 0) return assign(out, product);
  if (rule === 'v5.14') return tnumAdd(product, partialProducts(a, b), out);
  addShifted(product, a.maskLo, a.maskHi, b.maskLo | b.valueLo, b.maskHi | b.valueHi);
  addShifted(product, b.maskLo, b.maskHi, a.valueLo, a.valueHi);
  return assign(out, product);
}

function assign(out: TnumCell, from: TnumCell): TnumCell {
  out.valueLo = from.valueLo;
  out.valueHi = from.valueHi;
  out.maskLo = from.maskLo;
  out.maskHi = from.maskHi;
  return out;
}

/** To `acc` adds, for each bit of `bits`, the unknown bits `unknown` moved up to where that bit stands. */
function addShifted(acc: TnumCell, bitsLo: number, bitsHi: number, unknownLo: number, unknownHi: number): void {
  if ((unknownLo | unknownHi) === 0) return;
  const term = new TnumCell(0, 0, 0, 0);
  for (let i = 0; i < 64; i++) {
    if (((i < 32 ? bitsLo >>> i : bitsHi >>> (i - 32)) & 1) === 0) continue;
    term.maskLo = shlLo(unknownLo, i);
    term.maskHi = shlHi(unknownLo, unknownHi, i);
    tnumAdd(acc, term, acc);
  }
}

/** The uncertainty of a * b, bit by bit of `a`: a known 1 contributes b's unknown bits, an unknown bit all of b's. */
function partialProducts(a: Tnum, b: Tnum): TnumCell {
  const acc = new TnumCell(0, 0, 0, 0);
  const term = new TnumCell(0, 0, 0, 0);
  for (let i = 0; i < 64; i++) {
    const known = (i < 32 ? a.valueLo >>> i : a.valueHi >>> (i - 32)) & 1;
    const unknown = (i < 32 ? a.maskLo >>> i : a.maskHi >>> (i - 32)) & 1;
    if ((known | unknown) === 0) continue;
    const lo = known ? b.maskLo : b.valueLo | b.maskLo;
    const hi = known ? b.maskHi : b.valueHi | b.maskHi;
    term.maskLo = shlLo(lo, i);
    term.maskHi = shlHi(lo, hi, i);
    tnumAdd(acc, term, acc);
  }
  return acc;
}
