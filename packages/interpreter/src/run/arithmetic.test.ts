// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, opcodeRows, OPCODES } from '@tsbpf/insn';
import { ALU, EDGES, JUMPS, U64, UNARY } from '../../test/model.ts';
import { loadBare } from '../bare/bare.ts';

/** R0 after a program over R3 and R4, on both engines' loops. */
function runner(asm: string): (a: bigint, b: bigint) => bigint {
  const insns = assemble(asm);
  const fast = loadBare({ insns, checked: false });
  return (a, b) => fast.run({ registers: [undefined, undefined, undefined, a, b] }).r0;
}

const word = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(...EDGES),
  fc.bigInt(0n, 0xffffffffn),
);
const signedImm = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 31, 32, 63, 64, 0x7fffffff, -0x80000000));

describe.each(Object.entries(ALU))('%s', (name, model) => {
  const reg = runner(`${name} r3, r4\nmov r0, r3\nexit`);

  it('of registers at the borders', () => {
    for (const a of EDGES) for (const b of EDGES) expect([name, a, b, reg(a, b)]).toEqual([name, a, b, model(a, b)]);
  });

  it('of random registers', () => {
    fc.assert(
      fc.property(word, word, (a, b) => void expect(reg(a, b)).toBe(model(a, b))),
      { numRuns: 500 },
    );
  });

  it('of a register with itself', () => {
    const self = runner(`${name} r3, r3\nmov r0, r3\nexit`);
    for (const a of EDGES) expect([name, a, self(a, 0n)]).toEqual([name, a, model(a, a)]);
  });

  if (name.startsWith('movsx')) return; // has no immediate form
  it('of immediates', () => {
    fc.assert(
      fc.property(word, signedImm, (a, imm) => {
        expect(runner(`${name} r3, ${imm}\nmov r0, r3\nexit`)(a, 0n)).toBe(model(a, U64(BigInt(imm))));
      }),
      { numRuns: 60 },
    );
  });
});

describe.each(Object.entries(UNARY))('%s', (name, model) => {
  it('at the borders and at random', () => {
    const run = runner(`${name} r3\nmov r0, r3\nexit`);
    for (const a of EDGES) expect([name, a, run(a, 0n)]).toEqual([name, a, model(a)]);
    fc.assert(fc.property(word, (a) => void expect(run(a, 0n)).toBe(model(a))));
  });
});

describe.each(Object.entries(JUMPS))('%s', (name, model) => {
  const reg = runner(`mov r0, 1\n${name} r3, r4, taken\nmov r0, 0\ntaken:\nexit`);

  it('of registers', () => {
    for (const a of EDGES) {
      for (const b of EDGES) expect([name, a, b, reg(a, b) === 1n]).toEqual([name, a, b, model(a, b)]);
    }
    fc.assert(fc.property(word, word, (a, b) => void expect(reg(a, b) === 1n).toBe(model(a, b))));
  });

  it('of immediates', () => {
    fc.assert(
      fc.property(word, signedImm, (a, imm) => {
        const run = runner(`mov r0, 1\n${name} r3, ${imm}, taken\nmov r0, 0\ntaken:\nexit`);
        expect(run(a, 0n) === 1n).toBe(model(a, U64(BigInt(imm))));
      }),
      { numRuns: 60 },
    );
  });
});

describe('the model', () => {
  it('has every arithmetic operation and every conditional jump of the instruction set', () => {
    const forms = ['alu_imm', 'alu_reg', 'neg', 'endian', 'movsx', 'jmp_imm', 'jmp_reg'];
    const names = new Set(OPCODES.filter((row) => forms.includes(row.form)).map((row) => row.mnemonic));
    expect([...names].filter((name) => !(name in ALU) && !(name in UNARY) && !(name in JUMPS))).toEqual([]);
    expect(opcodeRows(0x0f)).toHaveLength(1);
  });
});
