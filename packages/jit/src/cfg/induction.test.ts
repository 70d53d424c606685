// SPDX-License-Identifier: MIT
import { assemble, type Insn } from '@tsbpf/insn';
import { describe, expect, it } from 'vitest';
import { flowOrder } from './dominators.ts';
import { flowGraph, type Block } from './graph.ts';
import { followTurn, gathered } from './induction.ts';
import { pathLoops, type PathLoop } from './loops.ts';

function loopOf(turn: string): [insns: readonly Insn[], blocks: readonly Block[], loop: PathLoop] {
  const insns = assemble(`mov r9, 0\nagain:\n${turn}\njne r9, 5, again\nexit`);
  const { blocks } = flowGraph(insns, 0);
  const [loop] = pathLoops(blocks, flowOrder(blocks), 8);
  return [insns, blocks, loop];
}

describe('a turn', () => {
  const sum = (root: number, add: number, narrow = false): object => ({ root, add, narrow });
  const rows: readonly (readonly [name: string, turn: string, reg: number, end: object | undefined])[] = [
    ['adds what all its additions add', 'add r1, 5\nsub r1, 2', 1, sum(1, 3)],
    ['leaves alone what it does not write', 'add r1, 5', 2, sum(2, 0)],
    ['copies', 'mov r2, r1\nadd r1, 8', 2, sum(1, 0)],
    ['copies what was added', 'add r1, 8\nmov r2, r1\nadd r2, 1', 2, sum(1, 9)],
    ['works on low words', 'add32 r1, -1', 1, sum(1, -1, true)],
    ['cuts copies off', 'add r1, 1\nmov32 r2, r1', 2, sum(1, 1, true)],
    ['does not know wide sums of low words', 'add32 r1, 1\nadd r1, 1', 1, undefined],
    ['does not know products', 'mul r1, 3', 1, undefined],
    ['does not know what it loads', 'ldxdw r1, [r2]', 1, undefined],
    ['does not know what it takes from memory', 'lock xchg [r2], r1', 1, undefined],
    ['does not know sign-extended copies', 'movsx8to64 r2, r1', 2, undefined],
    ['does not follow large sums', 'add r1, 0x7000000', 1, undefined],
  ];
  it.each(rows)('%s', (_name, turn, reg, end) => {
    expect(followTurn(...loopOf(turn)).end[reg]).toEqual(end);
  });
});

describe('what is gathered', () => {
  it.each([
    ['sums of registers', 'ldxb r3, [r1]\nadd r0, r3', 1],
    ['in several registers', 'ldxb r3, [r1]\nadd r0, r3\nxor32 r2, r3\nor r0, r2', 0b0],
    ['of low words', 'ldxb r3, [r1]\nxor32 r2, r3\nxor32 r2, r1', 0b100],
    ['not what is read, too', 'ldxb r3, [r1]\nadd r0, r3\nstxdw [r1], r0', 0],
    ['not what is compared', 'ldxb r3, [r1]\nadd r0, r3\njgt r0, 99, +1', 0],
    ['not by two operations', 'add r0, r3\nxor r0, r3', 0],
    ['not by two widths', 'add r0, r3\nadd32 r0, r3', 0],
    ['not in itself', 'add r0, r0', 0],
    ['not by operations with an order', 'sub r0, r3', 0],
    ['not constants', 'add r0, 3', 0],
    ['not what is set', 'mov r0, r3\nadd r0, r3', 0],
  ])('is %s', (_name, turn, bits) => {
    expect(gathered(...loopOf(turn))).toBe(bits);
  });
});
