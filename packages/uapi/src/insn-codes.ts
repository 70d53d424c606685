// SPDX-License-Identifier: MIT
// The parts an opcode byte is made of.
// @see include/uapi/linux/bpf.h, include/uapi/linux/bpf_common.h

/** Instruction classes: `code & 0x07`. */
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

/** Sizes of loads and stores: `code & 0x18`. */
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;

/** Modes of loads and stores: `code & 0xe0`. */
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
/** Sign-extending load, since Linux 6.6. */
export const BPF_MEMSX = 0x80;
/** The only atomic operation before Linux 5.12; the same number as BPF_ATOMIC. */
export const BPF_XADD = 0xc0;
export const BPF_ATOMIC = 0xc0;

/** Operand source: `code & 0x08` of ALU and JMP classes. */
export const BPF_K = 0x00;
export const BPF_X = 0x08;

/** ALU operations: `code & 0xf0`. */
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
export const BPF_END = 0xd0;

/** Direction of BPF_END: the source bit. */
export const BPF_TO_LE = 0x00;
export const BPF_TO_BE = 0x08;

/** Jump operations: `code & 0xf0`. */
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;
/** may_goto, since Linux 6.9. */
export const BPF_JCOND = 0xe0;

/** Atomic operations: `imm` of a BPF_ATOMIC store, since Linux 5.12. */
export const BPF_FETCH = 0x01;
export const BPF_XCHG = 0xe1;
export const BPF_CMPXCHG = 0xf1;
export const BPF_LOAD_ACQ = 0x100;
export const BPF_STORE_REL = 0x110;

/** `src_reg` of a 64-bit immediate load: what the immediate stands for. */
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;
export const BPF_PSEUDO_BTF_ID = 3;
export const BPF_PSEUDO_FUNC = 4;
export const BPF_PSEUDO_MAP_IDX = 5;
export const BPF_PSEUDO_MAP_IDX_VALUE = 6;

/** `src_reg` of a call: a function of the same program. */
export const BPF_PSEUDO_CALL = 1;
/** `src_reg` of a call: a kernel function by BTF id, since Linux 5.13. */
export const BPF_PSEUDO_KFUNC_CALL = 2;

export const BPF_REG_0 = 0;
export const BPF_REG_1 = 1;
export const BPF_REG_2 = 2;
export const BPF_REG_3 = 3;
export const BPF_REG_4 = 4;
export const BPF_REG_5 = 5;
export const BPF_REG_6 = 6;
export const BPF_REG_7 = 7;
export const BPF_REG_8 = 8;
export const BPF_REG_9 = 9;
export const BPF_REG_10 = 10;
/** The read-only frame pointer. */
export const BPF_REG_FP = 10;
/** Registers a program names: R0 to R10. */
export const MAX_BPF_REG = 11;
/** A register only the kernel's rewrites use. */
export const BPF_REG_AX = 11;

/** Bytes of stack a frame may use. */
export const MAX_BPF_STACK = 512;
/** Bytes of one instruction. */
export const BPF_INSN_SIZE = 8;
/** Instructions of an unprivileged program. */
export const BPF_MAXINSNS = 4096;
/** Tail calls after the first program: the 33rd is the last that succeeds. */
export const MAX_TAIL_CALL_CNT = 32;
