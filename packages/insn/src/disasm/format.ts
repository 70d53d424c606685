// SPDX-License-Identifier: MIT
import { BPF_JMP, BPF_JMP32, BPF_LD, BPF_LDX, BPF_ST, BPF_STX } from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { insnClass } from '../insn.ts';
import { formatAlu } from './alu.ts';
import { formatJump } from './jump.ts';
import { formatLd, formatLdx, formatSt, formatStx } from './memory.ts';
import type { FormatOptions } from './options.ts';
import { hex2 } from './options.ts';

/**
 * The words of Linux's disassembler for the instruction at `idx`: `r1 += r2`, `if r1 > 0x5 goto pc+3`.
 *
 * What the verifier prints as `<idx>: (<opcode>) <words>`. An opcode it has no words for comes out as it does in the
 * kernel, `BUG_ldx_91`; in that case the kernel leaves out the opcode in brackets, see {@link formatInsnLine}.
 * @see kernel/bpf/disasm.c
 */
export function formatInsn(insns: readonly Insn[], idx: number, options: FormatOptions = {}): string {
  const insn = insns[idx];
  switch (insnClass(insn)) {
    case BPF_LD:
      return formatLd(insns, idx, options);
    case BPF_LDX:
      return formatLdx(insn, options);
    case BPF_ST:
      return formatSt(insn, options);
    case BPF_STX:
      return formatStx(insn, options);
    case BPF_JMP:
    case BPF_JMP32:
      return formatJump(insn, idx, options);
    default:
      return formatAlu(insn, options);
  }
}

/** `(bf) r6 = r1`: an instruction's words after its opcode, or the bare `BUG_…` where there are none. */
export function formatInsnLine(insns: readonly Insn[], idx: number, options: FormatOptions = {}): string {
  const text = formatInsn(insns, idx, options);
  return text.startsWith('BUG_') ? text : `(${hex2(insns[idx].code)}) ${text}`;
}
