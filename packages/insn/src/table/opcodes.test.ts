// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { atomic, loadAcquire } from '../build/memory.ts';
import { callHelper, callKfunc, callPseudo, exit, ja } from '../build/jump.ts';
import { alu64Reg, mov64Reg, movsx64, signedDivision } from '../build/alu.ts';
import { opcodeInTable, opcodeRow, OPCODES, programNeeds, reservedFieldsSet } from './opcodes.ts';
import { versionNumber } from './version.ts';

/** Opcodes of a Linux, as ranges of hexadecimal digits, written out by hand from the instruction set's definition. */
const V5_6 = [
  // ALU and ALU64: twelve operators with K and X, negation, byte order.
  '04 0c 14 1c 24 2c 34 3c 44 4c 54 5c 64 6c 74 7c 94 9c a4 ac b4 bc c4 cc 84 d4 dc',
  '07 0f 17 1f 27 2f 37 3f 47 4f 57 5f 67 6f 77 7f 97 9f a7 af b7 bf c7 cf 87',
  // JMP and JMP32.
  '05 85 95 15 1d 25 2d 35 3d 45 4d 55 5d 65 6d 75 7d a5 ad b5 bd c5 cd d5 dd',
  '16 1e 26 2e 36 3e 46 4e 56 5e 66 6e 76 7e a6 ae b6 be c6 ce d6 de',
  // Loads and stores.
  '18 20 28 30 40 48 50 61 69 71 79 62 6a 72 7a 63 6b 73 7b c3 db',
]
  .join(' ')
  .split(' ')
  .map((text) => Number.parseInt(text, 16));

function table(version: `${number}.${number}`): number[] {
  return Array.from({ length: 256 }, (_, code) => code).filter((code) => opcodeInTable(code, version));
}

describe('opcodeInTable', () => {
  it("is v5.6's table", () => {
    expect(table('5.6')).toEqual(V5_6.toSorted((a, b) => a - b));
  });

  it.each([
    { version: '4.13', missing: [0xa5, 0xad, 0xb5, 0xbd, 0xc5, 0xcd, 0xd5, 0xdd, 0x16], present: [0x15, 0xdb] },
    { version: '4.14', missing: [0x16, 0x1e], present: [0xa5, 0xdd] },
    { version: '5.0', missing: [0x16, 0x1e], present: [0xdd] },
    { version: '5.1', missing: [0x06, 0xd7, 0x91], present: [0x16, 0xde] },
    {
      version: '5.6',
      missing: [0x00, 0x38, 0x58, 0x8d, 0xd7, 0xff, 0x06, 0x86, 0x96, 0x91, 0xe5, 0xf5, 0xd3],
      present: [],
    },
    { version: '6.6', missing: [0xe5, 0xd3, 0x99, 0xdf], present: [0x06, 0xd7, 0x81, 0x89, 0x91] },
    { version: '6.9', missing: [0xcb, 0xd3], present: [0xe5] },
    { version: '6.15', missing: [0x8d, 0xf5, 0x00], present: [0xcb, 0xd3] },
  ] as const)('$version', ({ version, missing, present }) => {
    expect(missing.filter((code) => opcodeInTable(code, version))).toEqual([]);
    expect(present.filter((code) => !opcodeInTable(code, version))).toEqual([]);
  });

  it('only grows', () => {
    const versions = ['3.18', '4.14', '5.1', '5.6', '5.12', '6.6', '6.9', '6.15', '6.18'] as const;
    for (let i = 1; i < versions.length; i++) {
      expect(table(versions[i])).toEqual(expect.arrayContaining(table(versions[i - 1])));
    }
  });
});

describe('OPCODES', () => {
  it('names each row once', () => {
    expect(new Set(OPCODES.map((row) => row.name)).size).toBe(OPCODES.length);
  });

  it('puts no field in two of the lists', () => {
    for (const row of OPCODES) {
      const fields = [...Object.keys(row.fixed), ...row.uses, ...row.reserved];
      expect([row.name, new Set(fields).size]).toEqual([row.name, fields.length]);
    }
  });

  it('finds every row by an instruction of it', () => {
    for (const row of OPCODES) {
      const insn = { code: row.code, dst: 0, src: 0, off: 0, imm: 0, ...row.fixed };
      expect(opcodeRow(insn)?.name).toBe(row.name);
    }
  });
});

describe('opcodeRow', () => {
  it.each([
    [callHelper(1), 'call_helper'],
    [callPseudo(1), 'call_local'],
    [callKfunc(1, 2), 'call_kfunc'],
    [{ ...callHelper(1), src: 3 }, undefined],
    [mov64Reg(1, 2), 'mov_reg'],
    [movsx64(1, 2, 16), 'movsx16to64'],
    [{ ...mov64Reg(1, 2), off: 1 }, 'addr_space_cast'],
    [signedDivision(alu64Reg(0x30, 1, 2)), 'sdiv_reg'],
    [atomic(0x18, 0x51, 1, 2, 0), 'atomic_fetch_and'],
    [atomic(0x00, 0xf1, 1, 2, 0), 'atomic_cmpxchg32'],
    [atomic(0x18, 0x31, 1, 2, 0), undefined],
    [loadAcquire(0x10, 1, 2, 0), 'load_acquire_b'],
    [{ code: 0xff, dst: 0, src: 0, off: 0, imm: 0 }, undefined],
  ])('%j is %s', (insn, name) => {
    expect(opcodeRow(insn)?.name).toBe(name);
  });
});

describe('reservedFieldsSet', () => {
  it.each([
    [{ ...ja(3), imm: 1, src: 2 }, ['src', 'imm']],
    [{ ...exit(), off: 7 }, []],
    [{ ...exit(), dst: 1 }, ['dst']],
    [{ code: 0x61, dst: 1, src: 2, off: 4, imm: 1 }, ['imm']],
    [{ code: 0x20, dst: 1, src: 1, off: 4, imm: 1 }, ['dst', 'src', 'off']],
  ])('%j sets %j', (insn, fields) => {
    expect(reservedFieldsSet(insn)).toEqual(fields);
  });
});

describe('programNeeds', () => {
  it.each([
    [[exit()], { isa: 1, since: '3.18' }],
    [[callPseudo(0), exit()], { isa: 1, since: '4.16' }],
    [[atomic(0x18, 0x01, 1, 2, 0), { code: 0x16, dst: 0, src: 0, off: 0, imm: 0 }], { isa: 3, since: '5.12' }],
    [[movsx64(1, 2, 8), exit()], { isa: 4, since: '6.6' }],
  ])('%j', (insns, needs) => {
    expect(programNeeds(insns)).toEqual(needs);
  });

  it('orders versions by number', () => {
    expect(versionNumber('5.12')).toBeGreaterThan(versionNumber('5.6'));
    expect(versionNumber('6.0')).toBeGreaterThan(versionNumber('5.19'));
  });
});
