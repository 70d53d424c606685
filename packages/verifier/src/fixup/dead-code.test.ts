// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { callHelper, callPseudo, exit, type Insn, ja, jmpImm, ldImm64, mov64Imm } from '@tsbpf/insn';
import { BPF_JEQ } from '@tsbpf/uapi';
import { type Case, check, dead } from '../../test/rewrite-case.ts';
import { fakeVerification } from '../../test/verification.ts';
import { hardWireDeadBranches, joinHalves, removeDeadCode, removeNops, trapDeadCode } from './dead-code.ts';

const jeq = (off: number) => jmpImm(BPF_JEQ, 0, 0, off);
const one = mov64Imm(0, 1);
const call = (imm: number): Insn => ({ ...callHelper(1), imm });

describe('dead code', () => {
  const wired: Case[] = [
    { name: 'fallthrough never seen', insns: [jeq(1), one, exit()], facts: dead(1), out: [ja(1), one, exit()] },
    { name: 'target never seen', insns: [jeq(1), exit(), exit()], facts: dead(2), out: [ja(0), exit(), exit()] },
    { name: 'both ways', insns: [jeq(1), one, exit()], out: [jeq(1), one, exit()] },
    {
      name: 'not calls, exits, ja',
      insns: [ja(1), call(1), exit(), one],
      facts: dead(1, 3),
      out: [ja(1), call(1), exit(), one],
    },
  ];
  it.each(wired)('hard-wires: $name', check(hardWireDeadBranches));

  const removed: Case[] = [
    { name: 'nothing', insns: [one, exit()], out: [one, exit()] },
    { name: 'jump across', insns: [ja(2), one, one, exit()], facts: dead(1, 2), out: [ja(0), exit()], from: [0, 3] },
    { name: 'jump back across', insns: [ja(1), one, jeq(-3), exit()], facts: dead(1), out: [ja(0), jeq(-2), exit()] },
    {
      name: 'calls across',
      insns: [callPseudo(2), exit(), one, exit()],
      facts: dead(2),
      subprogs: [0, 3],
      out: [callPseudo(1), exit(), exit()],
    },
    { name: 'the tail', insns: [one, exit(), one, exit()], facts: dead(2, 3), out: [one, exit()] },
  ];
  it.each(removed)('removes: $name', check(removeDeadCode));

  const nops: Case[] = [
    { name: 'ja 0', insns: [ja(0), jeq(1), ja(0), exit()], out: [jeq(0), exit()], from: [1, 3] },
    { name: 'not ones that become so', insns: [ja(1), ja(0), exit()], out: [ja(0), exit()] },
    {
      name: 'first of a function',
      insns: [callPseudo(1), exit(), ja(0), exit()],
      subprogs: [0, 2],
      out: [callPseudo(1), exit(), exit()],
    },
  ];
  it.each(nops)('removes nops: $name', check(removeNops));
  it('keeps a function whose first instruction was a nop', () => {
    const v = fakeVerification({ insns: [callPseudo(1), exit(), ja(0), exit()], subprogs: [0, 2] });
    removeNops(v);
    expect(v.subprogs.map((s) => s.start)).toEqual([0, 2]);
  });

  const trapped: Case[] = [
    { name: 'never seen', insns: [jeq(1), one, exit()], facts: dead(1), out: [jeq(1), ja(-1), exit()] },
    {
      name: 'both halves',
      insns: [ja(2), ...ldImm64(1, 1n), exit()],
      facts: dead(1, 2),
      out: [ja(2), ja(-1), ja(-1), exit()],
    },
  ];
  it.each(trapped)('traps: $name', check(trapDeadCode));

  it('lets the second half of an immediate live with the first', () => {
    const v = fakeVerification({ insns: [...ldImm64(1, 1n), ...ldImm64(2, 2n), exit()], facts: dead(1, 2, 3) });
    joinHalves(v);
    expect(v.insnFacts.map((f) => f.seen)).toEqual([true, true, false, false, true]);
  });

  it('takes functions, their func_info and line info along', () => {
    const insns = [callPseudo(5), exit(), one, exit(), one, exit(), one, exit()];
    const v = fakeVerification({ insns, subprogs: [0, 2, 6], facts: dead(2, 3, 4, 5) });
    v.funcInfo = [0, 2, 6].map((insnIdx, i) => ({ insnIdx, typeId: i + 1, rest: new Uint8Array() }));
    v.subprogs[1].unreliable = true;
    v.lineInfo = [0, 2, 3, 6, 7].map((insnIdx) => ({ insnIdx, fileNameOff: 0, lineOff: insnIdx, lineCol: 0 }));
    v.subprogs.forEach((s, i) => (s.lineInfoIdx = [0, 1, 3][i]));
    removeDeadCode(v);
    expect(
      v.subprogs.map(({ start, name, lineInfoIdx, unreliable }) => [start, name, lineInfoIdx, unreliable]),
    ).toEqual([
      [0, 'f0', 0, false],
      // The mark of the function that is gone: Linux does not move it.
      [2, 'f2', 1, true],
    ]);
    expect(v.funcInfo.map((f) => f.typeId)).toEqual([1, 3]);
    expect(v.lineInfo.map((l) => [l.insnIdx, l.lineOff])).toEqual([
      [0, 0],
      [2, 6],
      [3, 7],
    ]);
    expect(v.insns[0]).toEqual(callPseudo(1));
  });

  const lines: [string, number[], number[], [at: number, line: number][]][] = [
    [
      'the next live instruction inherits',
      [0, 1, 2],
      [1, 2],
      [
        [0, 0],
        [1, 2],
      ],
    ],
    [
      'unless it has its own',
      [0, 1, 3],
      [1, 2],
      [
        [0, 0],
        [1, 3],
      ],
    ],
    [
      'nothing follows',
      [0, 2, 4],
      [4, 5],
      [
        [0, 0],
        [2, 2],
      ],
    ],
    [
      'several runs',
      [0, 1, 3],
      [1, 3],
      [
        [0, 0],
        [1, 1],
        [2, 3],
      ],
    ],
    [
      'none in the run',
      [0, 4],
      [1, 2],
      [
        [0, 0],
        [2, 4],
      ],
    ],
  ];
  it.each(lines)('line info: %s', (_, records, goes, expected) => {
    const v = fakeVerification({ insns: [one, one, one, one, one, exit()], facts: dead(...goes) });
    v.lineInfo = records.map((insnIdx) => ({ insnIdx, fileNameOff: 0, lineOff: insnIdx, lineCol: 0 }));
    removeDeadCode(v);
    expect(v.lineInfo.map((l) => [l.insnIdx, l.lineOff])).toEqual(expected);
  });
});
