// SPDX-License-Identifier: MIT
import type { Insn } from '../insn.ts';
import { ALU_ROWS } from './alu.ts';
import { JUMP_ROWS } from './jump.ts';
import { MEMORY_ROWS } from './memory.ts';
import type { InsnField, IsaVersion, LinuxVersion, OpcodeRow } from './row.ts';
import { versionNumber } from './version.ts';

/**
 * The instruction set, versions 1 to 4: the one table that the disassembler, the assembler, the engines and the
 * verifier read. Rows of one opcode stand in the order in which {@link opcodeRow} tries them, most specific first.
 * @see Documentation/bpf/standardization/instruction-set.rst
 */
export const OPCODES: readonly OpcodeRow[] = [...ALU_ROWS, ...MEMORY_ROWS, ...JUMP_ROWS];

const ROWS_BY_CODE: readonly (readonly OpcodeRow[])[] = Array.from({ length: 256 }, (_, code) =>
  OPCODES.filter((row) => row.code === code).sort((a, b) => Object.keys(b.fixed).length - Object.keys(a.fixed).length),
);

/** 0 where no Linux knows the opcode. */
const SINCE_BY_CODE: readonly number[] = ROWS_BY_CODE.map((rows) =>
  rows.length === 0 ? 0 : Math.min(...rows.map((row) => versionNumber(row.since))),
);

/** Rows that share an opcode byte; empty where no Linux knows it. */
export function opcodeRows(code: number): readonly OpcodeRow[] {
  return ROWS_BY_CODE[code & 0xff];
}

/** The row an instruction is of, told by its opcode and the fields that select among rows. */
export function opcodeRow(insn: Insn): OpcodeRow | undefined {
  const rows = ROWS_BY_CODE[insn.code & 0xff];
  for (const row of rows) {
    if (fixedFieldsMatch(row, insn)) return row;
  }
  return undefined;
}

function fixedFieldsMatch(row: OpcodeRow, insn: Insn): boolean {
  for (const field in row.fixed) {
    if (row.fixed[field as InsnField] !== insn[field as InsnField]) return false;
  }
  return true;
}

/**
 * Whether a Linux has the opcode byte in its table of instructions, which is all the first look of its verifier asks
 * ("unknown opcode"). The fields are judged later.
 *
 * In v5.6: no JMP32 JA, no sign-extending loads, no ALU64 END, no byte and halfword atomics; 0xc3 and 0xdb are XADD;
 * LD_ABS and LD_IND have sizes B, H and W; the kernel's own 0xf5 (tail call) is no user's opcode.
 * @see bpf_opcode_in_insntable in kernel/bpf/core.c
 */
export function opcodeInTable(code: number, version: LinuxVersion): boolean {
  const since = SINCE_BY_CODE[code & 0xff];
  return since !== 0 && since <= versionNumber(version);
}

/** Reserved fields that are not zero in `insn`, in the order of its row. */
export function reservedFieldsSet(insn: Insn): InsnField[] {
  return (opcodeRow(insn)?.reserved ?? []).filter((field) => insn[field] !== 0);
}

/** What a program needs of the machine it runs on. */
export interface ProgramNeeds {
  readonly isa: IsaVersion;
  readonly since: LinuxVersion;
}

/** The lowest instruction set version and Linux version that know every instruction of a program. */
export function programNeeds(insns: readonly Insn[]): ProgramNeeds {
  let isa: IsaVersion = 1;
  let since: LinuxVersion = '3.18';
  for (let i = 0; i < insns.length; i++) {
    const row = opcodeRow(insns[i]);
    if (row === undefined) continue;
    if (row.isa > isa) isa = row.isa;
    if (versionNumber(row.since) > versionNumber(since)) since = row.since;
    if (row.form === 'ldimm64') i++;
  }
  return { isa, since };
}
