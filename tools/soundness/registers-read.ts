// SPDX-License-Identifier: MIT
import { usesSrcReg, type Insn } from '../../packages/insn/src/index.ts';
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_IND,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_NEG,
  BPF_ST,
  BPF_STX,
} from '../../packages/uapi/src/index.ts';

const MODE = 0xe0;
const R6 = 1 << 6;

/** Registers whose value an instruction uses, as bits; a call takes as many arguments as said. */
export function registersRead(insn: Insn, args: number): number {
  const dst = 1 << insn.dst;
  const src = usesSrcReg(insn) ? 1 << insn.src : 0;
  const op = insn.code & 0xf0;
  switch (insn.code & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      if (op === BPF_MOV) return src;
      return op === BPF_NEG || op === BPF_END ? dst : dst | src;
    case BPF_LD:
      if ((insn.code & MODE) === BPF_ABS) return R6;
      return (insn.code & MODE) === BPF_IND ? R6 | (1 << insn.src) : 0;
    case BPF_LDX:
      return 1 << insn.src;
    case BPF_ST:
      return dst;
    case BPF_STX:
      return dst | (1 << insn.src);
    case BPF_JMP:
    case BPF_JMP32:
      if (op === BPF_CALL) return ((1 << args) - 1) << 1;
      if (op === BPF_EXIT) return 1;
      return op === BPF_JA ? 0 : dst | src;
    default:
      return 0;
  }
}

/** Of {@link registersRead}, those of which an instruction uses all 64 bits. */
export function registersReadWhole(insn: Insn, args: number): number {
  const op = insn.code & 0xf0;
  switch (insn.code & 7) {
    case BPF_ALU:
      return op === BPF_END && insn.imm === 64 ? 1 << insn.dst : 0;
    case BPF_JMP32:
      return 0;
    case BPF_STX:
      return (1 << insn.dst) | ((insn.code & 0x18) === BPF_DW ? 1 << insn.src : 0);
    default:
      return registersRead(insn, args);
  }
}
