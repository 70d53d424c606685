// SPDX-License-Identifier: MIT
// The shortcut for two exact operands, which most operations have.
import { BPF_ADD, BPF_AND, BPF_ARSH, BPF_LSH, BPF_MUL, BPF_OR, BPF_RSH, BPF_SUB } from '@tsbpf/uapi';
import type { Bounds } from './bounds.ts';
import { knownWords } from './bounds.ts';
import {
  addHi,
  addOverflows,
  mulHi,
  sarHi,
  sarLo,
  shlHi,
  shlLo,
  shrHi,
  shrLo,
  subHi,
  subOverflows,
  ult,
} from './words.ts';

/**
 * The exact result, or undefined where the general rules do not end in one: untracked operations, shifts by too much,
 * sums and differences that leave the signed and the unsigned range. Of width 32 both operands are already truncated.
 */
export function foldConstants(op: number, width: 32 | 64, a: Bounds, b: Bounds): Bounds | undefined {
  const aLo = a.valueLo;
  const aHi = a.valueHi;
  const bLo = b.valueLo;
  const bHi = b.valueHi;
  switch (op) {
    case BPF_ADD: {
      const lo = (aLo + bLo) | 0;
      if (width === 32) return knownWords(lo, 0);
      const hi = addHi(aLo, aHi, bHi, lo);
      if (addOverflows(aHi, bHi, hi) && ult(lo, hi, bLo, bHi)) return undefined;
      return knownWords(lo, hi);
    }
    case BPF_SUB: {
      const lo = (aLo - bLo) | 0;
      const wraps = ult(aLo, aHi, bLo, bHi);
      if (width === 32) return wraps ? undefined : knownWords(lo, 0);
      const hi = subHi(aLo, aHi, bLo, bHi);
      if (wraps && subOverflows(aHi, bHi, hi)) return undefined;
      return knownWords(lo, hi);
    }
    case BPF_MUL:
      return knownWords(Math.imul(aLo, bLo), width === 32 ? 0 : mulHi(aLo, aHi, bLo, bHi));
    case BPF_AND:
      return knownWords(aLo & bLo, aHi & bHi);
    case BPF_OR:
      return knownWords(aLo | bLo, aHi | bHi);
    case BPF_LSH:
      if (bHi !== 0 || bLo >>> 0 >= width) return undefined;
      return knownWords(shlLo(aLo, bLo), width === 32 ? 0 : shlHi(aLo, aHi, bLo));
    case BPF_RSH:
      if (bHi !== 0 || bLo >>> 0 >= width) return undefined;
      return knownWords(shrLo(aLo, aHi, bLo), shrHi(aHi, bLo));
    case BPF_ARSH:
      if (bHi !== 0 || bLo >>> 0 >= width) return undefined;
      if (width === 32) return knownWords(aLo >> bLo, 0);
      return knownWords(sarLo(aLo, aHi, bLo), sarHi(aHi, bLo));
    default:
      return undefined;
  }
}
