// SPDX-License-Identifier: MIT
// What follows a run must not take for wrong: each of these once was.
import { describe, expect, it } from 'vitest';
import {
  alu32Imm,
  alu32Reg,
  encodeInsns,
  exit,
  jmp32Imm,
  jmpImm,
  ldAbs,
  ldMapValue,
  ldxMem,
  mov64Imm,
  mov64Reg,
  program,
  type Insn,
} from '../../packages/insn/src/index.ts';
import {
  BPF_ADD,
  BPF_ARSH,
  BPF_B,
  BPF_DW,
  BPF_JEQ,
  BPF_JLE,
  BPF_LSH,
  BPF_PROG_LOAD,
  BPF_W,
  InternalError,
} from '../../packages/uapi/src/index.ts';
import { stateMismatch } from './contains.ts';
import { FLAVOURS, type Flavour } from './flavours.ts';
import { createNetKernel } from './net-kernel.ts';
import { throughTheNet } from './net.ts';
import { PathGraph } from './path-graph.ts';
import { CurrentReality, RealFrame } from './reality.ts';

/** Seeds decide on flags and numbers: about twelve of so many have BPF_F_TEST_RND_HI32. */
const SEEDS = 80;

const net = createNetKernel();

function flavourOf(name: string): Flavour {
  const flavour = FLAVOURS.find((known) => known.name === name);
  if (flavour === undefined) throw new InternalError(`no flavour ${name}`);
  return flavour;
}

/** What is found in runs of a program under all sorts of flags and numbers; each must be accepted. */
function violations(name: string, insns: readonly Insn[]): string[] {
  const found: string[] = [];
  const flavour = flavourOf(name);
  for (let seed = 1; seed <= SEEDS; seed++) {
    const prog = { seed, flavour, insns, nearMiss: undefined, strict: false };
    const { accepted, message, violation } = throughTheNet(net, prog);
    expect(accepted, message).toBe(true);
    if (violation !== undefined) found.push(violation);
  }
  return found;
}

/** R`reg` = a number from outside. */
const input = (reg: number, size: number, word: number) => [
  ldMapValue(reg, net.maps.inputs.fd, 8 * word),
  ldxMem(size, reg, reg, 0),
];

describe('following a run', () => {
  it('goes on comparing pointers only where the path that ended left noise in upper halves', () => {
    // The first way to `join` has 1 in R0, the second ends there, for nobody cares which number it is.
    const insns = program(
      mov64Reg(6, 1),
      ...input(7, BPF_DW, 1),
      jmpImm(BPF_JEQ, 7, 3, 'one'),
      'one',
      jmpImm(BPF_JEQ, 7, 5, 'two'),
      'two',
      ...input(0, BPF_DW, 0),
      mov64Imm(3, 0),
      mov64Imm(4, 0),
      mov64Imm(5, 0),
      jmpImm(BPF_JLE, 0, 20, 'join'),
      mov64Imm(0, 1),
      'join',
      alu32Imm(BPF_LSH, 0, 30),
      alu32Imm(BPF_ARSH, 0, 30),
      mov64Reg(3, 0),
      mov64Imm(0, 0),
      exit(),
    );
    expect(violations('socket', insns)).toEqual([]);
  });

  it('does not take noise for a value because the packet was read meanwhile', () => {
    const insns = program(
      mov64Reg(6, 1),
      ...input(8, BPF_W, 0),
      alu32Reg(BPF_ADD, 8, 8),
      ldAbs(BPF_B, 0),
      jmp32Imm(BPF_JEQ, 8, 9, 'end'),
      alu32Imm(BPF_ADD, 8, 1),
      'end',
      mov64Imm(0, 0),
      exit(),
    );
    expect(violations('socket', insns)).toEqual([]);
  });

  it('compares the lower halves of registers with noise', () => {
    const graph = new PathGraph();
    net.observer = graph;
    const { type } = flavourOf('socket');
    const insns = encodeInsns(program(mov64Imm(0, 7), exit()));
    expect(net.kernel.bpf(BPF_PROG_LOAD, { prog_type: type, insns, license: 'GPL' })).toBeGreaterThan(0);
    net.observer = undefined;
    const [end] = graph.roots[0].next;
    const mismatch = (r0: bigint): string | undefined => {
      const real = new CurrentReality(0n, () => 0n);
      const frame = new RealFrame(0n);
      real.frames.push(frame);
      frame.write(0, r0);
      frame.noise = 1;
      frame.hideNoise();
      return stateMismatch(end.frames, real);
    };
    expect(mismatch(0xbad_0000_0007n)).toBeUndefined();
    expect(mismatch(0xbad_0000_0008n)).toContain('8 is not in signed 7..7');
  });
});
