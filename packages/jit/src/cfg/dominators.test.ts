// SPDX-License-Identifier: MIT
import { assemble } from '@tsbpf/insn';
import { describe, expect, it } from 'vitest';
import { argumentsRead } from './arguments.ts';
import { flowOrder } from './dominators.ts';
import { flowGraph, successors } from './graph.ts';

describe('graphs', () => {
  it('are cut at jumps and their targets, and leave out what is not reached', () => {
    const insns = assemble('jeq r1, 0, out\nlddw r2, 5\nja out\nmov r0, 7\nout:\nmov r0, 1\nexit');
    const graph = flowGraph(insns, 0);
    expect(graph.blocks.map(({ start, end, term }) => [start, end, term.kind])).toEqual([
      [0, 0, 'cond'],
      [1, 3, 'goto'],
      [5, 6, 'exit'],
    ]);
    expect(graph.blocks.map(successors)).toEqual([[2, 1], [2], []]);
  });

  it('join a condition whose ways lead to the same place', () => {
    const graph = flowGraph(assemble('jeq r1, 0, +0\nexit'), 0);
    expect(graph.blocks.map(successors)).toEqual([[1], []]);
  });

  it('know dominators, loops and merges', () => {
    const insns = assemble(
      'mov r0, 0\nloop:\njeq r1, 0, odd\nadd r0, 1\nja join\nodd:\nadd r0, 2\njoin:\nadd r1, -1\njne r1, 0, loop\nexit',
    );
    const { blocks } = flowGraph(insns, 0);
    const order = flowOrder(blocks);
    const at = (start: number): number => blocks.findIndex((block) => block.start === start);
    const [loop, odd, join, end] = [1, 4, 5, 7].map(at);
    expect(order.reducible).toBe(true);
    expect([order.isLoop[loop], order.isLoop[join]]).toEqual([1, 0]);
    expect([order.isMerge[join], order.isMerge[odd], order.isMerge[loop]]).toEqual([1, 0, 0]);
    expect([order.idom[join], order.idom[end], order.idom[odd]]).toEqual([loop, join, loop]);
  });

  it('say when structure is impossible', () => {
    const insns = assemble('jeq r1, 0, b\na:\nadd r1, 1\nb:\nadd r1, 2\njne r1, 9, a\nexit');
    expect(flowOrder(flowGraph(insns, 0).blocks).reducible).toBe(false);
  });

  it('take deep graphs', () => {
    const deep = Array.from({ length: 30_000 }, (_, i) => `jeq r1, ${i}, +1\nadd r0, 1`).join('\n');
    const { blocks } = flowGraph(assemble(`${deep}\nexit`), 0);
    expect(flowOrder(blocks).order.length).toBe(60_001);
  });
});

describe('arguments', () => {
  const read = (asm: string, callee = 0): number =>
    argumentsRead(
      assemble(asm),
      flowGraph(assemble(asm), 0),
      flowOrder(flowGraph(assemble(asm), 0).blocks),
      () => callee,
    );
  const rows: readonly (readonly [asm: string, bits: number])[] = [
    ['mov r0, r1\nexit', 0b10],
    ['mov r1, 3\nmov r0, r1\nadd r0, r4\nexit', 0b10000],
    ['jeq r5, 0, +1\nmov r2, 1\nmov r0, r2\nexit', 0b100100],
    ['stxdw [r2], r3\nmov r0, 0\nexit', 0b1100],
    ['loop:\nadd r3, r2\njne r3, 0, loop\nexit', 0b1100],
    ['call 1\nexit', 0b111110],
    ['call local f\nexit\nf:\nexit', 0b1010],
    ['mov r1, 0\nlock xchg [r10-8], r1\nlock cmpxchg [r10-8], r3\nexit', 0b1000],
  ];
  it.each(rows)('%s', (asm, bits) => expect(read(asm, 0b1010)).toBe(bits));
});
