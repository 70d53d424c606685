// SPDX-License-Identifier: MIT
import { assemble } from '@tsbpf/insn';
import { describe, expect, it } from 'vitest';
import { compileBare } from '../bare/bare.ts';
import { flowOrder } from './dominators.ts';
import { flowGraph, successors, type FlowGraph } from './graph.ts';
import { unrolled } from './unroll.ts';

function unroll(asm: string): { before: FlowGraph; after: FlowGraph } {
  const insns = assemble(asm);
  const before = flowGraph(insns, 0);
  return { before, after: unrolled(insns, before, flowOrder(before.blocks)) };
}

const SUM = `
  mov r0, 0
  add r2, r1
next:
  jge r1, r2, out
  ldxb r3, [r1]
  add r0, r3
  add r1, 1
  ja next
out:
  exit`;

describe('unrolling', () => {
  it('puts turns together behind a guard, and keeps the loop for the others', () => {
    const { before, after } = unroll(SUM);
    const { blocks } = after;
    const copies = blocks.filter(({ unrolled, term }) => unrolled === true && term.kind !== 'guard');
    expect(copies.map(({ term }) => term.kind)).toEqual(new Array(2 * 8).fill('goto'));
    const guards = blocks.filter(({ term }) => term.kind === 'guard');
    expect(guards.map(({ term }) => term.kind === 'guard' && [term.limits.length, term.checks.length])).toEqual([
      [0, 1],
      [1, 1],
    ]);
    // The loop of before jumps to itself, and is entered where a guard does not hold.
    const header = before.blocks.findIndex(({ start }) => start === 2);
    const from = blocks.flatMap((block, number) => (successors(block).includes(header) ? [number] : []));
    expect(from.map((number) => blocks[number].unrolled ?? number)).toEqual([header + 1, true, true].sort());
    expect(flowOrder(blocks).reducible).toBe(true);
  });

  it('keeps tests in place that are not of counters', () => {
    const { after } = unroll(SUM.replace('add r0, r3', 'jeq r3, 0, out\nadd r0, r3'));
    const copies = after.blocks.filter(({ unrolled, term }) => unrolled === true && term.kind !== 'guard');
    expect(copies.filter(({ term }) => term.kind === 'cond').length).toBe(8);
  });

  it.each([
    ['with two ways through', SUM.replace('add r0, r3', 'jeq r3, 0, +1\nadd r0, r3')],
    ['with two ways back', SUM.replace('add r0, r3', 'add r1, 1\njeq r3, 0, next\nadd r0, r3')],
    ['that call', SUM.replace('add r0, r3', 'call 5\nadd r0, r3')],
    ['that count nothing', SUM.replace('add r1, 1', 'mul r1, 3')],
    ['that are large', SUM.replace('add r0, r3', 'add r0, r3\nmul r0, r3\n'.repeat(10))],
    ['that begin the function', 'next:\nldxb r3, [r1]\nadd r1, 1\njne r1, 9, next\nexit'],
  ])('leaves loops alone %s', (_name, asm) => {
    const { before, after } = unroll(asm);
    expect(after).toBe(before);
  });

  it('adds so much to a function and no more', () => {
    const loop = (i: number): string => `mov r1, 0\nl${i}:\nadd r0, r1\nadd r1, 1\njne r1, 100, l${i}\n`;
    const { before, after } = unroll(`mov r0, 0\n${Array.from({ length: 1000 }, (_, i) => loop(i)).join('')}exit`);
    expect(after.blocks.length - before.blocks.length).toBeLessThan(2000);
  });
});

describe('unrolled loops', () => {
  const run = (asm: string, mem: Uint8Array = new Uint8Array()): bigint =>
    compileBare({ insns: assemble(asm) }).run({ mem }).r0;
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + 1);

  it.each([0, 1, 7, 8, 9, 15, 16, 17, 40])('take %d turns', (length) => {
    expect(run(SUM, bytes(length))).toBe(BigInt((length * (length + 1)) / 2));
  });

  it('leave in the middle, with registers as they then are', () => {
    const mem = bytes(40);
    mem[21] = 0;
    const asm = SUM.replace('add r0, r3', 'jeq r3, 0, out\nadd r0, r3').replace('out:', 'out:\nsub r2, r1\nmov r0, r2');
    expect(run(asm, mem)).toBe(19n);
  });

  it('go over the end of all numbers as they did before', () => {
    const down = 'mov r0, 0\nmov r1, 20\nl:\nadd r0, 1\nadd r1, -3\njgt r1, 2, l\nexit';
    // 20, 17, … 2: it stops there; from 19 down it passes 2 and 1, and wraps at -2.
    expect(run(down)).toBe(6n);
    const up = 'mov r0, 0\nlddw r1, 0xfffffffffffffff0\nl:\nadd r0, 1\nadd r1, 3\njgt r1, 100, l\nexit';
    expect(run(up)).toBe(6n);
    const narrow = 'mov r0, 0\nlddw r1, 0xfffffff0\nl:\nadd r0, 1\nadd32 r1, 3\njgt r1, 100, l\nexit';
    expect(run(narrow)).toBe(6n);
  });

  it('stand in one another', () => {
    const asm = `mov r0, 0\nmov r1, 0\nouter:\nmov r2, r1\ninner:\nadd r0, r2\nadd r2, 1\njlt r2, 50, inner
      add r1, 1\njlt r1, 50, outer\nexit`;
    let expected = 0;
    for (let i = 0; i < 50; i++) for (let k = i; k < 50; k++) expected += k;
    expect(run(asm)).toBe(BigInt(expected));
  });

  it('follow each other, the ends of one being the beginning of the next', () => {
    const asm = `mov r0, 0\nmov r1, 0\na:\nadd r0, 3\nadd r1, 1\njne r1, 30, a\nb:\nadd r0, 5\nadd r1, -1\njne r1, 0, b\nexit`;
    expect(run(asm)).toBe(240n);
  });

  it('are the same in copies of a function', () => {
    const asm = `mov r6, r1\nmov r7, r2\ncall sum\nmov r8, r0\nmov r1, r6\nmov r2, r7\ncall sum\nadd r0, r8\nexit\nsum:\n${SUM}`;
    expect(run(asm, bytes(21))).toBe(462n);
  });
});
