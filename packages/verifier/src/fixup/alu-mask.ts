// SPDX-License-Identifier: MIT
import { BPF_ADD, BPF_ALU64, BPF_AND, BPF_ARSH, BPF_MUL, BPF_OR, BPF_REG_AX, BPF_SUB, BPF_X } from '@tsbpf/uapi';
import { alu64Imm, alu64Reg, type Insn, mov32Imm, neg64 } from '@tsbpf/insn';
import { ALU_NEG_VALUE, ALU_NON_POINTER, ALU_SANITIZE_DST, ALU_SANITIZE_SRC } from '../alu-state.ts';

const ADD = BPF_ALU64 | BPF_ADD | BPF_X;
const SUB = BPF_ALU64 | BPF_SUB | BPF_X;

/**
 * Unprivileged pointer arithmetic with its offset masked to what the analysis proved, so that a mispredicted branch
 * cannot widen it. Undefined where an instruction needs no masking.
 * @param limit bytes the offset stays below
 * @see kernel/bpf/verifier.c, fixup_bpf_calls
 */
export function maskedPointerMath(insn: Insn, state: number, limit: number): Insn[] | undefined {
  if (insn.code !== ADD && insn.code !== SUB) return undefined;
  if (state === 0 || state === ALU_NON_POINTER) return undefined;
  const negative = (state & ALU_NEG_VALUE) !== 0;
  const inSource = (state & (ALU_SANITIZE_SRC | ALU_SANITIZE_DST)) === ALU_SANITIZE_SRC;
  const off = inSource ? insn.src : insn.dst;
  const code = !negative ? insn.code : insn.code === ADD ? SUB : ADD;
  const negate = alu64Imm(BPF_MUL, off, -1);
  return [
    ...(negative ? [negate] : []),
    mov32Imm(BPF_REG_AX, limit - 1),
    alu64Reg(BPF_SUB, BPF_REG_AX, off),
    alu64Reg(BPF_OR, BPF_REG_AX, off),
    neg64(BPF_REG_AX),
    alu64Imm(BPF_ARSH, BPF_REG_AX, 63),
    inSource ? alu64Reg(BPF_AND, BPF_REG_AX, off) : alu64Reg(BPF_AND, off, BPF_REG_AX),
    { ...insn, code, src: inSource ? BPF_REG_AX : insn.src },
    ...(inSource && negative ? [negate] : []),
  ];
}
