// SPDX-License-Identifier: MIT
import { BPF_ALU, BPF_DW, BPF_END, BPF_IMM, BPF_LD, BPF_LDX } from '@tsbpf/uapi';
import { type Insn, insnClass, insnMode, insnOp } from '@tsbpf/insn';

/**
 * Whether an instruction sets a register by an operation of 32 bits or fewer, so that its upper half is a matter of the
 * machine. @see kernel/bpf/verifier.c, insn_has_def32
 */
export function hasDef32(insn: Insn): boolean {
  switch (insnClass(insn)) {
    case BPF_ALU:
      return !(insnOp(insn) === BPF_END && insn.imm === 64);
    case BPF_LDX:
      return (insn.code & 0x18) !== BPF_DW;
    case BPF_LD:
      return insnMode(insn) !== BPF_IMM;
    default:
      return false;
  }
}
