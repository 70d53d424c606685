// SPDX-License-Identifier: MIT
// The mnemonic dialect, that of ubpf and bpf_conformance: `add32 r1, 2`, `ldxdw r0, [r1+8]`, `jeq r1, 0, out`.
import type { Insn } from '../insn.ts';
import { OPCODES } from '../table/opcodes.ts';
import type { OpcodeRow } from '../table/row.ts';
import { parseCall } from './call.ts';
import type { Cursor } from './cursor.ts';
import type { Statement, StatementContext } from './operands.ts';
import { jumpStatement, parseImm64, parseOffset, parseTarget } from './operands.ts';

const ROWS: ReadonlyMap<string, readonly OpcodeRow[]> = new Map(
  OPCODES.map(({ mnemonic }) => [mnemonic, OPCODES.filter((row) => row.mnemonic === mnemonic)]),
);

/** Other spellings in use, each with ours. */
const ALIASES: readonly (readonly [RegExp, string])[] = [
  [/^swap(16|32|64)$/, 'bswap$1'],
  [/^movsx(8|16)(32|64)$/, 'movsx$1to$2'],
  [/^movsx3264$/, 'movsx32to64'],
  [/^gotol$/, 'ja32'],
  [/^goto$/, 'ja'],
  [/^(lock .*|[a-z]+)64$/, '$1'],
];

function rowsOf(mnemonic: string): readonly OpcodeRow[] | undefined {
  const exact = ROWS.get(mnemonic);
  if (exact !== undefined) return exact;
  for (const [pattern, replacement] of ALIASES) {
    if (pattern.test(mnemonic)) return ROWS.get(mnemonic.replace(pattern, replacement));
  }
  return undefined;
}

/** The instruction of a row with all operands zero. */
function blank(row: OpcodeRow): Insn {
  return { code: row.code, dst: 0, src: 0, off: 0, imm: 0, ...row.fixed };
}

function pick(rows: readonly OpcodeRow[], form: OpcodeRow['form']): Insn {
  return blank(rows.find((row) => row.form === form) as OpcodeRow);
}

/** `[r1+8]`. */
function parseAddress(cursor: Cursor): { reg: number; off: number } {
  cursor.expect('[');
  const reg = cursor.reg64();
  const off = parseOffset(cursor);
  cursor.expect(']');
  return { reg, off };
}

function parseMnemonic(cursor: Cursor): string {
  let mnemonic = cursor.word('an instruction').toLowerCase();
  if (mnemonic === 'lock') {
    do mnemonic += ` ${cursor.word('an atomic operation').toLowerCase()}`;
    while (cursor.peek()?.kind === 'word');
  }
  return mnemonic;
}

function parseRegOrImm(
  cursor: Cursor,
  rows: readonly OpcodeRow[],
  dst: number,
  forms: readonly [OpcodeRow['form'], OpcodeRow['form']],
): Insn {
  if (cursor.isReg()) return { ...pick(rows, forms[0]), dst, src: cursor.reg64() };
  return { ...pick(rows, forms[1]), dst, imm: cursor.imm32('a register or a 32-bit immediate') };
}

function parseOperands(cursor: Cursor, rows: readonly OpcodeRow[], context: StatementContext): Statement {
  const one = (insn: Insn): Statement => ({ insns: [insn] });
  const row = rows[0];
  switch (row.form) {
    case 'alu_imm':
    case 'alu_reg': {
      const dst = cursor.reg64();
      cursor.expect(',');
      return one(parseRegOrImm(cursor, rows, dst, ['alu_reg', 'alu_imm']));
    }
    case 'jmp_imm':
    case 'jmp_reg': {
      const dst = cursor.reg64();
      cursor.expect(',');
      const insn = parseRegOrImm(cursor, rows, dst, ['jmp_reg', 'jmp_imm']);
      cursor.expect(',');
      return jumpStatement(insn, parseTarget(cursor, 'off'), 'off');
    }
    case 'neg':
    case 'endian':
      return one({ ...blank(row), dst: cursor.reg64() });
    case 'movsx': {
      const dst = cursor.reg64();
      cursor.expect(',');
      return one({ ...blank(row), dst, src: cursor.reg64() });
    }
    case 'addr_space_cast': {
      const dst = cursor.reg64();
      cursor.expect(',');
      const src = cursor.reg64();
      cursor.expect(',');
      const to = Number(cursor.number('a 16-bit address space', 0n, 0xffffn));
      cursor.expect(',');
      const from = Number(cursor.number('a 16-bit address space', 0n, 0xffffn));
      return one({ ...blank(row), dst, src, imm: (to << 16) | from });
    }
    case 'ldimm64': {
      const dst = cursor.reg64();
      cursor.expect(',');
      const insns = parseImm64(cursor, dst, context);
      cursor.accept('ll');
      return { insns };
    }
    case 'ld_abs':
      return one({ ...blank(row), imm: cursor.imm32() });
    case 'ld_ind': {
      const src = cursor.reg64();
      const imm = cursor.accept(',') ? cursor.imm32() : 0;
      return one({ ...blank(row), src, imm });
    }
    case 'ldx':
    case 'ldxs':
    case 'load_acquire': {
      const dst = cursor.reg64();
      cursor.expect(',');
      const { reg, off } = parseAddress(cursor);
      return one({ ...blank(row), dst, src: reg, off });
    }
    case 'st': {
      const { reg, off } = parseAddress(cursor);
      cursor.expect(',');
      return one({ ...blank(row), dst: reg, off, imm: cursor.imm32() });
    }
    case 'stx':
    case 'store_release':
    case 'atomic': {
      const { reg, off } = parseAddress(cursor);
      cursor.expect(',');
      return one({ ...blank(row), dst: reg, src: cursor.reg64(), off });
    }
    case 'ja':
    case 'may_goto':
      return jumpStatement(blank(row), parseTarget(cursor, 'off'), 'off');
    case 'gotol':
      return jumpStatement(blank(row), parseTarget(cursor, 'imm'), 'imm');
    case 'call':
      return parseCall(cursor);
    case 'exit':
      return one(blank(row));
  }
}

/** Reads one statement of the mnemonic dialect. */
export function parseMnemonicStatement(cursor: Cursor, context: StatementContext): Statement {
  const mnemonic = parseMnemonic(cursor);
  const rows = rowsOf(mnemonic);
  if (rows === undefined) cursor.error(`expected an instruction, found "${mnemonic}"`);
  return parseOperands(cursor, rows, context);
}
