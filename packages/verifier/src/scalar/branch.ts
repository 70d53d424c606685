// SPDX-License-Identifier: MIT
// What a conditional jump between scalars decides. @see Linux kernel/bpf/verifier.c, is_branch_taken
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
import { Draft, truncateDraft } from './draft.ts';
import type { ScalarRules } from './rules.ts';
import { SCALAR_RULES_5_6 } from './rules.ts';
import { tnumIsConst } from './tnum.ts';
import { slt, ult } from './words.ts';

/**
 * Is the jump `if dst op src` always taken (true), never (false), or is that not known (undefined)? `op` is
 * BPF_JEQ to BPF_JSLE, an immediate is `knownImm(imm)`. v5.6 knows only where all 64 bits of `src` are known.
 */
export function branchTaken(
  op: number,
  width: Width,
  dst: Bounds,
  src: Bounds,
  rules: ScalarRules = SCALAR_RULES_5_6,
): boolean | undefined {
  if (!tnumIsConst(src)) return undefined;
  const lo = src.valueLo;
  if (width === 64) return decide(op, dst, lo, src.valueHi, src.valueHi, rules);
  return decide(op, lowHalf(dst), lo, 0, lo >> 31, rules);
}

/** The low 32 bits as a 32-bit comparison sees them: unsigned zero-extended, signed sign-extended. */
function lowHalf(b: Bounds): Bounds {
  const d = new Draft(b);
  truncateDraft(d, 4);
  if ((d.uminLo ^ d.umaxLo) < 0) {
    d.sminLo = -0x80000000;
    d.smaxLo = 0x7fffffff;
  }
  d.sminHi = d.sminLo >> 31;
  d.smaxHi = d.smaxLo >> 31;
  return d;
}

/** `hi` and `shi` are the high words of the constant, unsigned and signed. */
function decide(op: number, b: Bounds, lo: number, hi: number, shi: number, rules: ScalarRules): boolean | undefined {
  switch (op) {
    case BPF_JEQ:
      return tnumIsConst(b) ? b.valueLo === lo && b.valueHi === hi : undefined;
    case BPF_JNE:
      return tnumIsConst(b) ? b.valueLo !== lo || b.valueHi !== hi : undefined;
    case BPF_JSET:
      if (((b.valueLo & lo) | (b.valueHi & hi)) !== 0) return true;
      return (((b.valueLo | b.maskLo) & lo) | ((b.valueHi | b.maskHi) & hi)) === 0 ? false : undefined;
    case BPF_JGT:
      return firstOf(ult(lo, hi, b.uminLo, b.uminHi), !ult(lo, hi, b.umaxLo, b.umaxHi));
    case BPF_JGE:
      return firstOf(!ult(b.uminLo, b.uminHi, lo, hi), ult(b.umaxLo, b.umaxHi, lo, hi));
    case BPF_JLT:
      return firstOf(ult(b.umaxLo, b.umaxHi, lo, hi), !ult(b.uminLo, b.uminHi, lo, hi));
    case BPF_JLE:
      return firstOf(!ult(lo, hi, b.umaxLo, b.umaxHi), ult(lo, hi, b.uminLo, b.uminHi));
    case BPF_JSGT:
      return firstOf(
        slt(lo, shi, b.sminLo, b.sminHi),
        rules.sgtFalseAtMax ? !slt(lo, shi, b.smaxLo, b.smaxHi) : slt(b.smaxLo, b.smaxHi, lo, shi),
      );
    case BPF_JSGE:
      return firstOf(!slt(b.sminLo, b.sminHi, lo, shi), slt(b.smaxLo, b.smaxHi, lo, shi));
    case BPF_JSLT:
      return firstOf(slt(b.smaxLo, b.smaxHi, lo, shi), !slt(b.sminLo, b.sminHi, lo, shi));
    case BPF_JSLE:
      return firstOf(!slt(lo, shi, b.smaxLo, b.smaxHi), slt(lo, shi, b.sminLo, b.sminHi));
    default:
      return undefined;
  }
}

/** "Always" is asked first: with a minimum above its maximum both may hold. */
function firstOf(always: boolean, never: boolean): boolean | undefined {
  if (always) return true;
  return never ? false : undefined;
}
