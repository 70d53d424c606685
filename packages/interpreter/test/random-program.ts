// SPDX-License-Identifier: MIT
// Random programs that any verifier accepts: arithmetic, forward jumps, and memory on the stack, over all rows of the
// instruction table. R0's low word at the end depends on all registers and on the stack.
import { exit, callHelper, ldxMem, OPCODES, alu64Imm, alu64Reg, mov64Imm, mov64Reg, program, type Insn, type OpcodeRow, type ProgramItem } from '@tsbpf/insn';
import { BPF_ADD, BPF_DW, BPF_FETCH, BPF_MUL, BPF_RSH, BPF_XOR } from '@tsbpf/uapi';
import { EDGES } from './model.ts';

const FORMS: readonly OpcodeRow['form'][] = [
  'alu_imm',
  'alu_reg',
  'neg',
  'endian',
  'movsx',
  'jmp_imm',
  'jmp_reg',
  'ldx',
  'ldxs',
  'st',
  'stx',
  'atomic',
  'load_acquire',
  'store_release',
];
const ROWS = OPCODES.filter((row) => FORMS.includes(row.form));
/**
 * Rows that may be in one program. Linux 6.18's verifier does not follow what an atomic operation fetches from the stack
 * back to where it was stored, and then removes branches that are taken: programs either jump or fetch.
 */
export function jumpsOrFetches(row: OpcodeRow, fetches: boolean): boolean {
  const isJump = row.form === 'jmp_imm' || row.form === 'jmp_reg';
  const isFetch = row.form === 'atomic' && ((row.fixed.imm ?? 0) & BPF_FETCH) !== 0;
  return fetches ? !isJump : !isFetch;
}

/** Bytes of stack that programs use. */
const STACK = 32;
/** Bytes of ten numbers. */
const WORDS_BYTES = 80;
/** BPF_FUNC_skb_load_bytes. */
export const LOAD_BYTES = 26;
const SIZE_BYTES = [4, 2, 1, 8] as const;

/** A number below `bound`, from the source of randomness. */
export type Below = (bound: number) => number;

function immediate(row: OpcodeRow, below: Below): number {
  const width = (row.code & 7) === 7 ? 64 : 32;
  if (/^(lsh|rsh|arsh)/.test(row.name)) return below(width);
  const imm = below(2) === 0 ? below(200) - 100 : below(2 ** 32) | 0;
  return /^s?(div|mod)/.test(row.name) && imm === 0 ? 1 : imm;
}

function one(row: OpcodeRow, below: Below): Insn {
  const base = { code: row.code, dst: below(10), src: below(10), off: 0, imm: 0, ...row.fixed };
  const bytes = SIZE_BYTES[(row.code >> 3) & 3];
  const slot = -STACK + below(STACK / bytes) * bytes;
  switch (row.form) {
    case 'alu_imm':
      return { ...base, src: 0, imm: immediate(row, below) };
    case 'neg':
    case 'endian':
      return { ...base, src: 0 };
    case 'jmp_imm':
      return { ...base, src: 0, off: below(3), imm: immediate(row, below) };
    case 'jmp_reg':
      return { ...base, off: below(3) };
    case 'ldx':
    case 'ldxs':
    case 'load_acquire':
      return { ...base, src: 10, off: slot };
    case 'st':
      return { ...base, dst: 10, src: 0, off: slot, imm: immediate(row, below) };
    case 'stx':
    case 'atomic':
    case 'store_release':
      return { ...base, dst: 10, off: slot };
    default:
      return base;
  }
}

/** Ten random numbers, as the bytes that {@link randomProgram} loads. */
export function randomWords(below: Below): Uint8Array {
  const bytes = new Uint8Array(WORDS_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < WORDS_BYTES; at += 8) {
    const word = below(2) === 0 ? EDGES[below(EDGES.length)] : (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32));
    view.setBigUint64(at, word, true);
  }
  return bytes;
}

/**
 * A program of about `length` random instructions between its head and its tail. It gets ten numbers from the helper
 * skb_load_bytes, so that a verifier knows nothing of them.
 */
export function randomProgram(below: Below, length: number, usable: (row: OpcodeRow) => boolean): Insn[] {
  const rows = ROWS.filter(usable);
  const items: ProgramItem[] = [
    mov64Imm(2, 0),
    mov64Reg(3, 10),
    alu64Imm(BPF_ADD, 3, -WORDS_BYTES),
    mov64Imm(4, WORDS_BYTES),
    callHelper(LOAD_BYTES),
  ];
  for (let reg = 0; reg < 10; reg++) items.push(ldxMem(BPF_DW, reg, 10, -8 * (reg + 1)));
  for (let i = 0; i < length; i++) items.push(one(rows[below(rows.length)], below));
  // Jumps of the last instructions land here.
  items.push(mov64Reg(1, 1), mov64Reg(2, 2));
  for (let reg = 1; reg < 10; reg++) items.push(alu64Imm(BPF_MUL, 0, 0x01000193), alu64Reg(BPF_XOR, 0, reg));
  for (let off = -STACK; off < 0; off += 8) {
    items.push(ldxMem(BPF_DW, 1, 10, off), alu64Imm(BPF_MUL, 0, 0x01000193), alu64Reg(BPF_XOR, 0, 1));
  }
  items.push(mov64Reg(1, 0), alu64Imm(BPF_RSH, 1, 32), alu64Reg(BPF_XOR, 0, 1), exit());
  return program(...items);
}
