// SPDX-License-Identifier: MIT
// Passes that look at the shape of the program: functions, control flow, stack.
import { describe, expect, it } from 'vitest';
import { callHelper, callPseudo, exit, type Insn, ja, jmpImm, ldImm64, mov64Imm } from '@tsbpf/insn';
import { BPF_JEQ, E2BIG, EACCES, EINVAL, EPERM } from '@tsbpf/uapi';
import { fakeVerification, outcome } from '../../test/verification.ts';
import type { Verification } from '../verification.ts';
import { checkCfg } from './cfg.ts';
import { checkStackDepth } from './stack-depth.ts';
import { findSubprogs } from './subprogs.ts';

const jeq = (off: number) => jmpImm(BPF_JEQ, 0, 0, off);
const nop = mov64Imm(0, 0);

interface Case {
  name: string;
  insns: Insn[];
  unprivileged?: boolean;
  level?: number;
  errno?: number;
  log?: string;
  starts?: number[];
}

describe('subprogs', () => {
  const cases: Case[] = [
    { name: 'main only', insns: [nop, exit()], starts: [0] },
    {
      name: 'in order of start, each once',
      insns: [callPseudo(4), callPseudo(1), callPseudo(2), exit(), exit(), exit()].map((insn, i) =>
        i === 1 ? callPseudo(2) : i === 2 ? callPseudo(2) : insn,
      ),
      starts: [0, 4, 5],
    },
    {
      name: 'table at level 2',
      insns: [callPseudo(1), exit(), exit()],
      level: 2,
      starts: [0, 2],
      log: 'func#0 @0\nfunc#1 @2\n',
    },
    { name: 'dead calls count', insns: [exit(), callPseudo(1), exit(), exit()], starts: [0, 3] },
    {
      name: 'unprivileged',
      insns: [callPseudo(1), exit(), exit()],
      unprivileged: true,
      errno: EPERM,
      log: 'function calls to other bpf functions are allowed for root only\n',
    },
    { name: 'call past the end', insns: [callPseudo(5), exit()], errno: EINVAL, log: 'call to invalid destination\n' },
    {
      name: 'call before the start',
      insns: [callPseudo(-2), exit()],
      errno: EINVAL,
      log: 'call to invalid destination\n',
    },
    {
      name: 'call that overflows 32 bits',
      insns: [nop, callPseudo(0x7fffffff), exit()],
      errno: EINVAL,
      log: 'call to invalid destination\n',
    },
    { name: 'jump past the end', insns: [jeq(1), exit()], errno: EINVAL, log: 'jump out of range from insn 0 to 2\n' },
    {
      name: 'jump before the start',
      insns: [ja(-2), exit()],
      errno: EINVAL,
      log: 'jump out of range from insn 0 to -1\n',
    },
    {
      name: 'jump into another function',
      insns: [jeq(2), callPseudo(1), exit(), exit()],
      errno: EINVAL,
      log: 'jump out of range from insn 0 to 3\n',
    },
    { name: 'falls off the end', insns: [exit(), nop], errno: EINVAL, log: 'last insn is not an exit or jmp\n' },
    {
      name: 'falls into the next function',
      insns: [callPseudo(1), nop, exit()],
      errno: EINVAL,
      log: 'last insn is not an exit or jmp\n',
    },
    { name: 'a jump may be last', insns: [nop, ja(-2)], starts: [0] },
  ];
  it.each(cases)('$name', ({ insns, unprivileged, level, errno = 0, log = '', starts }) => {
    const v = fakeVerification({ insns, unprivileged, logLevel: level });
    expect(outcome(v, findSubprogs)).toEqual({ errno: errno === 0 ? 0 : -errno, log });
    if (starts !== undefined) expect(v.subprogs.map((s) => s.start)).toEqual(starts);
  });

  it('takes 256 functions, not 257', () => {
    const build = (count: number): Insn[] => [
      ...Array.from({ length: count - 1 }, (_, i) => callPseudo(count - 1 - i + i)),
      exit(),
      ...Array.from({ length: count - 1 }, () => exit()),
    ];
    expect(outcome(fakeVerification({ insns: build(256) }), findSubprogs).errno).toBe(0);
    expect(outcome(fakeVerification({ insns: build(257) }), findSubprogs)).toEqual({
      errno: -E2BIG,
      log: 'too many subprograms\n',
    });
  });
});

describe('control flow', () => {
  const cases: (Case & { prune?: number[] })[] = [
    { name: 'straight', insns: [nop, exit()], prune: [] },
    { name: 'wide immediates', insns: [...ldImm64(1, 1n), exit()], prune: [] },
    { name: 'conditional: itself and its target', insns: [jeq(1), nop, exit()], prune: [0, 2] },
    { name: 'ja: its target and what follows', insns: [jeq(1), ja(1), nop, exit()], prune: [0, 2, 3] },
    { name: 'helper call: what follows', insns: [callHelper(7), exit()], prune: [1] },
    { name: 'call: itself, what follows, the callee', insns: [callPseudo(1), exit(), nop, exit()], prune: [0, 1, 2] },
    { name: 'unreachable', insns: [exit(), nop, exit()], errno: EINVAL, log: 'unreachable insn 1\n' },
    {
      name: 'unreachable second function',
      insns: [ja(1), callPseudo(1), exit(), exit()],
      errno: EINVAL,
      log: 'unreachable insn 1\n',
    },
    { name: 'loop by ja', insns: [nop, ja(-2)], prune: [0] },
    { name: 'loop by a condition', insns: [nop, jeq(-2), exit()], prune: [0, 1] },
    { name: 'jump to itself', insns: [jeq(-1), exit()], prune: [0] },
    {
      name: 'loop without privilege',
      insns: [nop, ja(-2)],
      unprivileged: true,
      errno: EINVAL,
      log: 'back-edge from insn 1 to 0\n',
    },
    {
      name: 'condition without privilege',
      insns: [nop, jeq(-2), exit()],
      unprivileged: true,
      errno: EINVAL,
      log: 'back-edge from insn 1 to 0\n',
    },
    {
      name: 'recursion',
      insns: [callPseudo(1), exit(), callPseudo(-1), exit()],
      errno: EINVAL,
      log: 'back-edge from insn 2 to 2\n',
    },
    {
      name: 'mutual recursion',
      insns: [callPseudo(1), exit(), callPseudo(1), exit(), callPseudo(-3), exit()],
      errno: EINVAL,
      log: 'back-edge from insn 4 to 2\n',
    },
    { name: 'calls of main', insns: [callPseudo(-1), exit()], errno: EINVAL, log: 'back-edge from insn 0 to 0\n' },
    {
      name: 'a plain step back into a loop',
      insns: [jeq(2), nop, exit(), ja(-3)],
      prune: [0, 1, 3],
    },
    {
      name: 'falling into an instruction on the path',
      insns: [ja(1), nop, ja(-2)],
      errno: EINVAL,
      log: 'back-edge from insn 1 to 2\n',
    },
  ];
  it.each(cases)('$name', ({ insns, unprivileged, errno = 0, log = '', prune }) => {
    const v = fakeVerification({ insns, unprivileged });
    findSubprogsQuietly(v);
    expect(outcome(v, checkCfg)).toEqual({ errno: errno === 0 ? 0 : -errno, log });
    if (prune !== undefined) {
      expect(v.insnFacts.flatMap((f, i) => (f.prunePoint === true ? [i] : []))).toEqual(prune);
    }
  });

  it('visits a long program', () => {
    const insns = [...Array.from({ length: 200_000 }, () => nop), exit()];
    expect(outcome(fakeVerification({ insns }), checkCfg).errno).toBe(0);
  });
});

function findSubprogsQuietly(v: Verification): void {
  if (v.allowPtrLeaks) findSubprogs(v);
}

describe('stack depth', () => {
  /** Main calls f1, which calls f2, and so on. */
  const chain = (frames: number): Insn[] =>
    Array.from({ length: frames }, (_, i) => (i < frames - 1 ? [callPseudo(1), exit()] : [nop, exit()])).flat();
  const run = (insns: Insn[], depths: number[]) => {
    const v = fakeVerification({ insns });
    findSubprogs(v);
    v.subprogs.forEach((s, i) => (s.stackDepth = depths[i] ?? 0));
    return outcome(v, checkStackDepth);
  };
  const cases: [string, Insn[], number[], number, string][] = [
    ['512 at once', [nop, exit()], [512], 0, ''],
    ['two halves', chain(2), [256, 256], 0, ''],
    ['rounded up to 32', chain(2), [256, 264], -EACCES, 'combined stack size of 2 calls is 544. Too large\n'],
    ['one byte takes 32', chain(2), [512, 0], -EACCES, 'combined stack size of 2 calls is 544. Too large\n'],
    ['eight frames', chain(8), [], 0, ''],
    ['nine frames', chain(9), [], -E2BIG, 'the call stack of 8 frames is too deep !\n'],
    ['depth before frames', chain(9), [480, 32], -EACCES, 'combined stack size of 3 calls is 544. Too large\n'],
  ];
  it.each(cases)('%s', (_, insns, depths, errno, log) => {
    expect(run(insns, depths)).toEqual({ errno, log });
  });

  it('does not walk the same calls over and over', () => {
    const level = (more: boolean): Insn[] => [
      ...Array.from({ length: 60 }, (_, i) => (more ? callPseudo(60 - i) : nop)),
      exit(),
    ];
    const insns = Array.from({ length: 8 }, (_, i) => level(i < 7)).flat();
    expect(run(insns, [])).toEqual({ errno: 0, log: '' });
  });
});
