// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAsm } from '../disasm/asm.ts';
import { formatInsnLine } from '../disasm/format.ts';
import { formatXlated } from '../disasm/xlated.ts';
import type { Insn } from '../insn.ts';
import { OPCODES } from '../table/opcodes.ts';
import type { OpcodeRow } from '../table/row.ts';
import { assemble } from './assemble.ts';

const FIELDS = {
  dst: fc.integer({ min: 0, max: 10 }),
  src: fc.integer({ min: 0, max: 10 }),
  off: fc.integer({ min: -0x8000, max: 0x7fff }),
  imm: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
};

/** Instructions of a row, every operand random, every other field zero. */
function ofRow(row: OpcodeRow): fc.Arbitrary<readonly Insn[]> {
  const uses = (field: keyof typeof FIELDS): fc.Arbitrary<number> =>
    row.uses.includes(field) ? FIELDS[field] : fc.constant(row.fixed[field] ?? 0);
  return fc
    .record({ code: fc.constant(row.code), dst: uses('dst'), src: uses('src'), off: uses('off'), imm: uses('imm') })
    .chain((insn): fc.Arbitrary<readonly Insn[]> =>
      row.form === 'ldimm64'
        ? FIELDS.imm.map((imm) => [insn, { code: 0, dst: 0, src: 0, off: 0, imm }])
        : fc.constant([insn]),
    );
}

/** Fields whose value Linux's text does not give away. */
const LOST_IN_LOG = new Set(
  OPCODES.filter((row) => row.form === 'ldimm64' && row.fixed.src !== 0).map((row) => row.name),
);
const LOST_IN_XLATED = new Set(['lddw_btf_id', 'lddw_map_idx']);

function log(insns: readonly Insn[]): string {
  let text = '';
  for (let idx = 0; idx < insns.length; idx++) {
    text += `${idx}: ${formatInsnLine(insns, idx)}                  ; R0=0 R10=fp0\n`;
    if (insns[idx].code === 0x18) idx++;
  }
  return text;
}

function named(lost: ReadonlySet<string> = new Set()): (readonly [string, OpcodeRow])[] {
  return OPCODES.filter((row) => !lost.has(row.name)).map((row) => [row.name, row]);
}

describe('every instruction', () => {
  it.each(named())('%s survives formatAsm', (_, row) => {
    fc.assert(
      fc.property(ofRow(row), (insns) => {
        const text = formatAsm(insns);
        expect(assemble(text)).toEqual(insns);
        expect(assemble(text, { dialect: 'kernel' })).toEqual(insns);
      }),
    );
  });

  it.each(named(LOST_IN_LOG))("%s survives the verifier's log", (name, row) => {
    fc.assert(
      fc.property(ofRow(row), (insns) => {
        // The log of a call of a kernel function leaves out where the function comes from.
        const shown = name === 'call_kfunc' ? insns.map((insn) => ({ ...insn, off: 0 })) : insns;
        expect(assemble(log(shown))).toEqual(shown);
      }),
    );
  });

  it.each(named(LOST_IN_XLATED))('%s survives a dump of bpftool', (name, row) => {
    fc.assert(
      fc.property(ofRow(row), fc.boolean(), (insns, opcodes) => {
        const shown = insns.map((insn, i) => {
          if (name === 'call_kfunc') return { ...insn, off: 0 };
          // Dumps leave out the high half, which is zero in a valid program.
          if (i === 1 && (name === 'lddw_map_fd' || name === 'lddw_func')) return { ...insn, imm: 0 };
          return insn;
        });
        expect(assemble(formatXlated(shown, { opcodes, callDistance: 'imm' }))).toEqual(shown);
      }),
    );
  });
});

it('keeps whole programs', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...OPCODES).chain(ofRow), { maxLength: 30 }), (parts) => {
      const insns = parts.flat();
      expect(assemble(formatAsm(insns))).toEqual(insns);
    }),
  );
});
