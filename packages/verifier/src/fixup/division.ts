// SPDX-License-Identifier: MIT
import { BPF_ALU, BPF_ALU64, BPF_DIV, BPF_JEQ, BPF_JNE, BPF_MOD, BPF_X, BPF_XOR } from '@tsbpf/uapi';
import { alu32Reg, type Insn, insnClass, insnOp, ja, jmpImm, mov32Reg } from '@tsbpf/insn';

/** Whether the divisor is in a register, so that it may be zero. */
export function isDivisionByReg(insn: Insn): boolean {
  const cls = insnClass(insn);
  const op = insnOp(insn);
  return (cls === BPF_ALU || cls === BPF_ALU64) && (op === BPF_DIV || op === BPF_MOD) && (insn.code & BPF_X) !== 0;
}

/**
 * A division whose result is 0 where the divisor is 0, or a remainder that then leaves the dividend alone. The 32-bit
 * forms clear the upper half of the divisor first. Since `mod32ZeroExtends` a 32-bit remainder by 0 clears the upper
 * half of the dividend.
 */
export function guardedDivision(insn: Insn, options: { mod32ZeroExtends: boolean }): Insn[] {
  const is64 = insnClass(insn) === BPF_ALU64;
  const truncate = is64 ? [] : [mov32Reg(insn.src, insn.src)];
  if (insnOp(insn) === BPF_DIV) {
    return [...truncate, jmpImm(BPF_JNE, insn.src, 0, 2), alu32Reg(BPF_XOR, insn.dst, insn.dst), ja(1), insn];
  }
  if (is64 || !options.mod32ZeroExtends) return [...truncate, jmpImm(BPF_JEQ, insn.src, 0, 1), insn];
  return [...truncate, jmpImm(BPF_JEQ, insn.src, 0, 2), insn, ja(1), mov32Reg(insn.dst, insn.dst)];
}
