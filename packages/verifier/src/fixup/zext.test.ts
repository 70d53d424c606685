// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { alu64Imm, alu64Reg, exit, jmpReg, ldImm64, ldxMem, mov32Imm, mov64Imm, stxMem } from '@tsbpf/insn';
import { BPF_DW, BPF_JEQ, BPF_LSH, BPF_OR, BPF_REG_AX, BPF_W } from '@tsbpf/uapi';
import { type Case, check } from '../../test/rewrite-case.ts';
import { fakeVerification } from '../../test/verification.ts';
import { poisonUpperHalves } from './zext.ts';

const AX = BPF_REG_AX;
const one = mov64Imm(0, 1);

describe('upper halves', () => {
  const noise = (i: number, dst: number) => [
    mov64Imm(AX, Math.imul(i + 1, 0x9e3779b1)),
    alu64Imm(BPF_LSH, AX, 32),
    alu64Reg(BPF_OR, dst, AX),
  ];
  const prog = { flags: 4 };
  const w = mov32Imm(1, 5);
  const cases: Case[] = [
    { name: 'without the flag', insns: [w, exit()], out: [w, exit()] },
    { name: '32-bit result', prog, insns: [w, exit()], out: [w, ...noise(0, 1), exit()] },
    { name: 'read as 64 bits', prog, facts: { 0: { zextDst: true } }, insns: [w, exit()], out: [w, exit()] },
    {
      name: '64-bit results',
      prog,
      insns: [one, ldxMem(BPF_DW, 1, 1, 0), ...ldImm64(1, 1n), exit()],
      out: [one, ldxMem(BPF_DW, 1, 1, 0), ...ldImm64(1, 1n), exit()],
    },
    {
      name: 'loads',
      prog,
      insns: [ldxMem(BPF_W, 1, 2, 0), exit()],
      out: [ldxMem(BPF_W, 1, 2, 0), ...noise(0, 1), exit()],
    },
    {
      name: 'context loads',
      prog,
      facts: { 0: { ptrType: 'PTR_TO_CTX' } },
      insns: [ldxMem(BPF_W, 1, 2, 0), exit()],
      out: [ldxMem(BPF_W, 1, 2, 0), exit()],
    },
    {
      name: 'what sets nothing',
      prog,
      insns: [stxMem(BPF_W, 1, 2, 0), jmpReg(BPF_JEQ, 1, 2, 0), exit()],
      out: [stxMem(BPF_W, 1, 2, 0), jmpReg(BPF_JEQ, 1, 2, 0), exit()],
    },
  ];
  it.each(cases)('$name', check(poisonUpperHalves));

  it('leaves a marked load the first of its sequence', () => {
    const v = fakeVerification({ prog, facts: { 0: { probeMem: true } }, insns: [ldxMem(BPF_W, 1, 2, 0), exit()] });
    poisonUpperHalves(v);
    expect(v.insnFacts.map((f) => f.probeMem === true)).toEqual([true, false, false, false, false]);
  });
});
