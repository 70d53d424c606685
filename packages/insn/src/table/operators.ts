// SPDX-License-Identifier: MIT
// The parts instructions are named by: operators, widths, atomic operations. Rows are made from these.
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_B,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_DW,
  BPF_FETCH,
  BPF_H,
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
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_W,
  BPF_XCHG,
  BPF_XOR,
} from '@tsbpf/uapi';

/** A binary operator: its bits in the opcode, its mnemonic, its sign in kernel text. */
export interface Operator {
  readonly op: number;
  readonly mnemonic: string;
  readonly symbol: string;
}

/** ALU operators with two operands. */
export const ALU_OPERATORS: readonly Operator[] = [
  { op: BPF_ADD, mnemonic: 'add', symbol: '+=' },
  { op: BPF_SUB, mnemonic: 'sub', symbol: '-=' },
  { op: BPF_MUL, mnemonic: 'mul', symbol: '*=' },
  { op: BPF_DIV, mnemonic: 'div', symbol: '/=' },
  { op: BPF_OR, mnemonic: 'or', symbol: '|=' },
  { op: BPF_AND, mnemonic: 'and', symbol: '&=' },
  { op: BPF_LSH, mnemonic: 'lsh', symbol: '<<=' },
  { op: BPF_RSH, mnemonic: 'rsh', symbol: '>>=' },
  { op: BPF_MOD, mnemonic: 'mod', symbol: '%=' },
  { op: BPF_XOR, mnemonic: 'xor', symbol: '^=' },
  { op: BPF_MOV, mnemonic: 'mov', symbol: '=' },
  { op: BPF_ARSH, mnemonic: 'arsh', symbol: 's>>=' },
];

/** Signed division and modulo: DIV and MOD with `off` 1. */
export const SIGNED_ALU_OPERATORS: readonly Operator[] = [
  { op: BPF_DIV, mnemonic: 'sdiv', symbol: 's/=' },
  { op: BPF_MOD, mnemonic: 'smod', symbol: 's%=' },
];

/** Conditional jumps. `since` is that of the 64-bit form. */
export const JMP_OPERATORS: readonly (Operator & { isa: 1 | 2; since: `${number}.${number}` })[] = [
  { op: BPF_JEQ, mnemonic: 'jeq', symbol: '==', isa: 1, since: '3.18' },
  { op: BPF_JGT, mnemonic: 'jgt', symbol: '>', isa: 1, since: '3.18' },
  { op: BPF_JGE, mnemonic: 'jge', symbol: '>=', isa: 1, since: '3.18' },
  { op: BPF_JSET, mnemonic: 'jset', symbol: '&', isa: 1, since: '3.18' },
  { op: BPF_JNE, mnemonic: 'jne', symbol: '!=', isa: 1, since: '3.18' },
  { op: BPF_JSGT, mnemonic: 'jsgt', symbol: 's>', isa: 1, since: '3.18' },
  { op: BPF_JSGE, mnemonic: 'jsge', symbol: 's>=', isa: 1, since: '3.18' },
  { op: BPF_JLT, mnemonic: 'jlt', symbol: '<', isa: 2, since: '4.14' },
  { op: BPF_JLE, mnemonic: 'jle', symbol: '<=', isa: 2, since: '4.14' },
  { op: BPF_JSLT, mnemonic: 'jslt', symbol: 's<', isa: 2, since: '4.14' },
  { op: BPF_JSLE, mnemonic: 'jsle', symbol: 's<=', isa: 2, since: '4.14' },
];

/** A width of memory access: its bits in the opcode, its mnemonic suffix, its C types in kernel text. */
export interface Width {
  readonly size: number;
  readonly bytes: 1 | 2 | 4 | 8;
  readonly suffix: string;
  readonly type: string;
  /** The type of a sign-extending load; a doubleword has none. */
  readonly signedType: string | undefined;
}

/** Widths, smallest first. */
export const WIDTHS: readonly Width[] = [
  { size: BPF_B, bytes: 1, suffix: 'b', type: 'u8', signedType: 's8' },
  { size: BPF_H, bytes: 2, suffix: 'h', type: 'u16', signedType: 's16' },
  { size: BPF_W, bytes: 4, suffix: 'w', type: 'u32', signedType: 's32' },
  { size: BPF_DW, bytes: 8, suffix: 'dw', type: 'u64', signedType: undefined },
];

/** The width an opcode's size bits name. */
export function widthOf(code: number): Width {
  return WIDTHS.find((width) => width.size === (code & 0x18)) as Width;
}

/** An atomic read-modify-write operation: the `imm` that selects it. */
export interface AtomicOperator {
  readonly imm: number;
  /** `add`, `fetch add`, `xchg`, `cmpxchg`. */
  readonly mnemonic: string;
  /** `+=` of kernel text, where the operation returns nothing. */
  readonly symbol?: string;
  /** `fetch_add`, `xchg`, `cmpxchg` of kernel text, where it returns the old value. */
  readonly func?: string;
}

/** Atomic operations of a BPF_ATOMIC store. Plain `add` is all there was before Linux 5.12. */
export const ATOMIC_OPERATORS: readonly AtomicOperator[] = [
  { imm: BPF_ADD, mnemonic: 'add', symbol: '+=' },
  { imm: BPF_OR, mnemonic: 'or', symbol: '|=' },
  { imm: BPF_AND, mnemonic: 'and', symbol: '&=' },
  { imm: BPF_XOR, mnemonic: 'xor', symbol: '^=' },
  { imm: BPF_ADD | BPF_FETCH, mnemonic: 'fetch add', func: 'fetch_add' },
  { imm: BPF_OR | BPF_FETCH, mnemonic: 'fetch or', func: 'fetch_or' },
  { imm: BPF_AND | BPF_FETCH, mnemonic: 'fetch and', func: 'fetch_and' },
  { imm: BPF_XOR | BPF_FETCH, mnemonic: 'fetch xor', func: 'fetch_xor' },
  { imm: BPF_XCHG, mnemonic: 'xchg', func: 'xchg' },
  { imm: BPF_CMPXCHG, mnemonic: 'cmpxchg', func: 'cmpxchg' },
];
