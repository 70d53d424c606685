// SPDX-License-Identifier: MIT
// Which registers an instruction reads and writes, as bits, and what it does to memory.
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MOV,
  BPF_NEG,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
} from '@tsbpf/uapi';
import { usesSrcReg, type Insn } from '@tsbpf/insn';

const R0 = 1;
const R1_TO_R5 = 0b111110;
const TAIL_CALL = 0xf0;

/** How an instruction accesses memory through a register; `update` reads and writes. */
export function kindOf(insn: Insn): 'load' | 'store' | 'update' | undefined {
  switch (insn.code & 7) {
    case BPF_LDX:
      return 'load';
    case BPF_ST:
      return 'store';
    case BPF_STX:
      if ((insn.code & 0xe0) !== BPF_ATOMIC || insn.imm === BPF_STORE_REL) return 'store';
      return insn.imm === BPF_LOAD_ACQ ? 'load' : 'update';
    default:
      return undefined;
  }
}

/** `parks`: a store whose value the kernel only puts aside. */
export function registersRead(insn: Insn, parks: boolean): number {
  const { code, imm } = insn;
  const dst = 1 << insn.dst;
  const src = 1 << insn.src;
  const op = code & 0xf0;
  switch (code & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      if (op === BPF_MOV) return usesSrcReg(insn) ? src : 0;
      if (op === BPF_NEG || op === BPF_END) return dst;
      return usesSrcReg(insn) ? dst | src : dst;
    case BPF_LD:
      if ((code & 0xe0) === BPF_ABS) return 1 << 6;
      return (code & 0xe0) === BPF_IND ? (1 << 6) | src : 0;
    case BPF_LDX:
      return src;
    case BPF_ST:
      return dst;
    case BPF_STX:
      if ((code & 0xe0) !== BPF_ATOMIC) return parks ? dst : dst | src;
      if (imm === BPF_LOAD_ACQ) return src;
      return dst | src | (imm === BPF_CMPXCHG ? R0 : 0);
    case BPF_JMP:
    case BPF_JMP32:
      if (op === TAIL_CALL) return 0b1110;
      if (op === BPF_JA || op === BPF_CALL || op === BPF_EXIT || op === BPF_JCOND) return 0;
      return usesSrcReg(insn) ? dst | src : dst;
    default:
      return 0;
  }
}

/** Registers that have a value afterwards, and those that lose theirs. Calls of functions are frames' business. */
export function registersWritten(insn: Insn): { set: number; cleared: number } {
  const { code, imm } = insn;
  const none = { set: 0, cleared: 0 };
  switch (code & 7) {
    case BPF_ALU:
    case BPF_ALU64:
    case BPF_LDX:
      return { set: 1 << insn.dst, cleared: 0 };
    case BPF_LD:
      if ((code & 0xe0) === BPF_ABS || (code & 0xe0) === BPF_IND) return { set: R0, cleared: R1_TO_R5 };
      return code === 0 ? none : { set: 1 << insn.dst, cleared: 0 };
    case BPF_STX:
      if ((code & 0xe0) !== BPF_ATOMIC || imm === BPF_STORE_REL) return none;
      if (imm === BPF_LOAD_ACQ) return { set: 1 << insn.dst, cleared: 0 };
      if (imm === BPF_CMPXCHG) return { set: R0, cleared: 0 };
      return { set: (imm & BPF_FETCH) !== 0 ? 1 << insn.src : 0, cleared: 0 };
    case BPF_JMP: {
      // A failed tail call, or a call that a replaced function answered.
      if ((code & 0xf0) === TAIL_CALL) return { set: 0, cleared: R0 | R1_TO_R5 };
      return (code & 0xf0) === BPF_CALL ? { set: R0, cleared: R1_TO_R5 } : none;
    }
    default:
      return none;
  }
}
