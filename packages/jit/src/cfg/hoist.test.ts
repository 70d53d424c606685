// SPDX-License-Identifier: MIT
import { assemble, type Insn } from '@tsbpf/insn';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Check, Operand } from './check.ts';
import { flowOrder } from './dominators.ts';
import { flowGraph } from './graph.ts';
import { hoist, type Hoisted } from './hoist.ts';
import { followTurn } from './induction.ts';
import { pathLoops } from './loops.ts';

const [COUNTER, BOUND] = [3, 2];

/** The one test of a loop, hoisted for so many turns. The loop is left where the test says so. */
function hoisted(turn: string, turns: number): { found: Hoisted | undefined; insns: readonly Insn[] } {
  const insns = assemble(`mov r0, 0\nagain:\n${turn}\nja again\nout:\nexit`);
  const { blocks } = flowGraph(insns, 0);
  const [loop] = pathLoops(blocks, flowOrder(blocks), 8);
  const turnOf = followTurn(insns, blocks, loop);
  const [test] = turnOf.tests;
  return { found: hoist(insns[test.idx], test, turnOf, false, turns), insns };
}

type Registers = bigint[];
const bitsOf = (wide: boolean): number => (wide ? 64 : 32);

function compares(op: string, wide: boolean, left: bigint, right: bigint): boolean {
  const bits = bitsOf(wide);
  const signed = op.startsWith('js') && op !== 'jset';
  const [a, b] = [left, right].map((x) => (signed ? BigInt.asIntN(bits, x) : BigInt.asUintN(bits, x)));
  switch (op.replace('js', 'j')) {
    case 'jeq':
      return a === b;
    case 'jne':
      return a !== b;
    case 'jgt':
      return a > b;
    case 'jge':
      return a >= b;
    case 'jlt':
      return a < b;
    default:
      return a <= b;
  }
}

/** By the operation of a jump. */
const RELATION: Readonly<Record<number, string>> = {
  0x20: 'jgt',
  0x30: 'jge',
  0x50: 'jne',
  0x60: 'jsgt',
  0x70: 'jsge',
  0xa0: 'jlt',
  0xb0: 'jle',
  0xc0: 'jslt',
  0xd0: 'jsle',
};

function holds({ wide, relation, left, right }: Check, regs: Registers, limit: Operand | undefined): boolean {
  const value = (operand: Operand): bigint => {
    if (operand.kind === 'constant') return operand.value;
    if (operand.kind === 'limit') {
      expect(limit).toBeDefined();
      return limit === undefined ? 0n : value(limit);
    }
    return regs[operand.reg] + operand.add - (operand.minus === undefined ? 0n : regs[operand.minus]);
  };
  return compares(RELATION[relation], wide, value(left), value(right));
}

const EDGES = [
  0n,
  1n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  1n << 63n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];
const edge = fc.constantFrom(...EDGES);
const nearby = fc.integer({ min: -70, max: 70 }).map(BigInt);
const op = fc.constantFrom('jeq', 'jne', 'jgt', 'jge', 'jlt', 'jle', 'jsgt', 'jsge', 'jslt', 'jsle');
const step = fc.integer({ min: -9, max: 9 });

describe('a check of several turns', () => {
  it('implies each of their tests, wherever numbers wrap', () => {
    let held = 0;
    fc.assert(
      fc.property(
        fc.record({
          ...{ op, edge, nearby, before: step, after: step, wideTest: fc.boolean(), wideStep: fc.boolean() },
          ...{
            form: fc.constantFrom('imm', 'dst', 'src'),
            turns: fc.constantFrom(2, 4, 8),
            shift: step,
            high: fc.nat(9),
          },
        }),
        ({ op, edge, nearby, before, after, wideTest, wideStep, form, turns, shift, high }) => {
          const imm = BigInt.asIntN(wideTest ? 64 : 32, edge);
          if (form === 'imm' && BigInt.asIntN(32, imm) !== imm) return;
          const jump = `${op}${wideTest ? '' : '32'}`;
          const operands = { imm: `r3, ${imm}`, dst: 'r3, r4', src: 'r4, r3' }[form];
          const count = (by: number): string => `add${wideStep ? '' : '32'} r3, ${by}`;
          const { found } = hoisted(
            `${count(before)}\nmov r4, r2\nadd r4, ${shift}\n${jump} ${operands}, out\n${count(after)}`,
            turns,
          );
          if (found === undefined) return;
          const regs: Registers = new Array<bigint>(11).fill(0n);
          regs[BOUND] = BigInt.asUintN(64, edge - BigInt(shift));
          regs[COUNTER] = BigInt.asUintN(64, edge + nearby + (high === 0 ? 1n << 40n : 0n));
          if (![...found.before, found.check].every((check) => holds(check, regs, found.limit))) return;
          held++;
          let x = regs[COUNTER];
          const add = (by: number): void => void (x = BigInt.asUintN(wideStep ? 64 : 32, x + BigInt(by)));
          for (let i = 0; i < turns; i++) {
            add(before);
            const other = form === 'imm' ? imm : BigInt.asUintN(64, regs[BOUND] + BigInt(shift));
            const leaves = form === 'src' ? compares(op, wideTest, other, x) : compares(op, wideTest, x, other);
            expect(leaves, `turn ${i}`).toBe(false);
            add(after);
          }
        },
      ),
      { numRuns: 20_000 },
    );
    expect(held).toBeGreaterThan(1000);
  });

  const rows: readonly (readonly [
    name: string,
    turn: string,
    regs: readonly [counter: bigint, bound: bigint],
    holds: boolean,
  ])[] = [
    ['holds as far from a bound as it has to be', 'jgt r3, 100, out\nadd r3, 1', [97n, 0n], true],
    ['does not hold nearer', 'jgt r3, 100, out\nadd r3, 1', [98n, 0n], false],
    ['knows what was added before the test', 'add r3, 8\njgt r3, r2, out', [68n, 100n], true],
    ['… and not more', 'add r3, 8\njgt r3, r2, out', [69n, 100n], false],
    ['goes down', 'jslt r3, -100, out\nadd r3, -2', [-94n, 0n], true],
    ['looks for the very number', 'jeq r3, r2, out\nadd r3, 1', [96n, 100n], true],
    ['… which may come soon', 'jeq r3, r2, out\nadd r3, 1', [97n, 100n], false],
    ['… or was passed', 'jeq r3, r2, out\nadd r3, 1', [101n, 100n], true],
  ];
  it.each(rows)('%s', (_name, turn, [counter, bound], expected) => {
    const { found } = hoisted(turn, 4);
    const regs: Registers = new Array<bigint>(11).fill(0n);
    [regs[COUNTER], regs[BOUND]] = [counter, bound];
    if (found === undefined) throw new Error('no check');
    expect([...found.before, found.check].every((check) => holds(check, regs, found.limit))).toBe(expected);
  });

  it.each([
    ['of bits', 'jset r3, 64, out\nadd r3, 1'],
    ['of what does not count', 'jgt r3, 100, out\nmul r3, 3'],
    ['of what moves away', 'jlt r3, 100, out\nadd r3, 1'],
    ['of what is loaded', 'ldxdw r3, [r1]\njgt r3, 100, out\nadd r1, 8'],
    ['with a bound that counts, too', 'jgt r3, r2, out\nadd r3, 2\nadd r2, 1'],
    ['with a bound nearer than the last turn', 'jgt r3, 2, out\nadd r3, 1'],
    ['of 64 bits of a counter of 32 that may have more', 'jgt r3, 100, out\nadd32 r3, 1'],
  ])('is none for tests %s', (_name, turn) => {
    expect(hoisted(turn, 4).found).toBeUndefined();
  });
});
