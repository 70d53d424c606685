// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  alu32Imm,
  alu64Imm,
  callPseudo,
  exit,
  type Insn,
  jmpImm,
  ldxMem,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
} from '@tsbpf/insn';
import type { AccessInfo, KernelTypes } from '@tsbpf/core';
import { BPF_AND, BPF_B, BPF_DW, BPF_H, BPF_JEQ, BPF_RSH, BPF_W, EINVAL, ENOMEM } from '@tsbpf/uapi';
import { type Case, check } from '../../test/rewrite-case.ts';
import { fakeVerification, outcome } from '../../test/verification.ts';
import type { InsnFacts } from '../verification.ts';
import { convertContexts } from './ctx-convert.ts';

const jeq = (off: number) => jmpImm(BPF_JEQ, 0, 0, off);
const one = mov64Imm(0, 1);

const TYPES = {} as KernelTypes;
const ctxCase = (facts: Partial<InsnFacts>) => ({ 0: { ptrType: 'PTR_TO_CTX', ...facts } as Partial<InsnFacts> });
const convertCtxAccess = ({ insn, size }: { insn: Insn; size: number }) => ({
  insns: [{ ...insn, off: insn.off + 100 }],
  targetSize: size,
});

describe('contexts', () => {
  const env = { types: TYPES };
  const ops = { convertCtxAccess };
  const cases: Case[] = [
    {
      name: 'a whole field',
      env,
      ops,
      facts: ctxCase({ ctxFieldSize: 4 }),
      insns: [ldxMem(BPF_W, 2, 1, 8), exit()],
      out: [ldxMem(BPF_W, 2, 1, 108), exit()],
    },
    {
      name: 'a store',
      env,
      ops,
      facts: ctxCase({}),
      insns: [stxMem(BPF_W, 1, 2, 8), exit()],
      out: [stxMem(BPF_W, 1, 2, 108), exit()],
    },
    {
      name: 'first byte of 4',
      env,
      ops,
      facts: ctxCase({ ctxFieldSize: 4 }),
      insns: [ldxMem(BPF_B, 2, 1, 8), exit()],
      out: [ldxMem(BPF_W, 2, 1, 108), alu32Imm(BPF_AND, 2, 0xff), exit()],
      from: [0, 0, 1],
    },
    {
      name: 'last half of 4',
      env,
      ops,
      facts: ctxCase({ ctxFieldSize: 4 }),
      insns: [ldxMem(BPF_H, 2, 1, 10), exit()],
      out: [ldxMem(BPF_W, 2, 1, 108), alu32Imm(BPF_RSH, 2, 16), alu32Imm(BPF_AND, 2, 0xffff), exit()],
    },
    {
      name: 'a byte of 8',
      env,
      ops,
      facts: ctxCase({ ctxFieldSize: 8 }),
      insns: [ldxMem(BPF_B, 2, 1, 13), exit()],
      out: [ldxMem(BPF_DW, 2, 1, 108), alu64Imm(BPF_RSH, 2, 40), alu64Imm(BPF_AND, 2, 0xff), exit()],
    },
    {
      name: 'four of 8 are not masked',
      env,
      ops,
      facts: ctxCase({ ctxFieldSize: 8 }),
      insns: [ldxMem(BPF_W, 2, 1, 8), exit()],
      out: [ldxMem(BPF_DW, 2, 1, 108), alu64Imm(BPF_AND, 2, -1), exit()],
    },
    {
      name: 'a byte of 2',
      env,
      ops,
      facts: ctxCase({ ctxFieldSize: 2 }),
      insns: [ldxMem(BPF_B, 2, 1, 9), exit()],
      out: [ldxMem(BPF_H, 2, 1, 108), alu32Imm(BPF_RSH, 2, 8), alu32Imm(BPF_AND, 2, 0xff), exit()],
    },
    {
      name: 'the kernel field is as narrow',
      env,
      ops: { convertCtxAccess: ({ insn }) => ({ insns: [ldxMem(BPF_H, insn.dst, insn.src, 7)], targetSize: 2 }) },
      facts: ctxCase({ ctxFieldSize: 4 }),
      insns: [ldxMem(BPF_H, 2, 1, 8), exit()],
      out: [ldxMem(BPF_H, 2, 1, 7), exit()],
    },
    {
      name: 'no conversion',
      env,
      facts: ctxCase({}),
      insns: [ldxMem(BPF_W, 2, 1, 8), exit()],
      out: [ldxMem(BPF_W, 2, 1, 8), exit()],
    },
    {
      name: 'no kernel types',
      ops,
      facts: ctxCase({}),
      insns: [ldxMem(BPF_W, 2, 1, 8), exit()],
      out: [ldxMem(BPF_W, 2, 1, 8), exit()],
    },
    {
      name: 'other pointers',
      env,
      ops,
      facts: { 0: { ptrType: 'PTR_TO_STACK' } },
      insns: [ldxMem(BPF_W, 2, 1, 8), exit()],
      out: [ldxMem(BPF_W, 2, 1, 8), exit()],
    },
    {
      name: 'sockets by their class',
      env: {
        ...env,
        ptrClass: (regType) => ({
          regType,
          progStruct: 'bpf_tcp_sock',
          isValidAccess: (): AccessInfo | undefined => undefined,
          convertAccess: ({ insn, off, size }) => ({
            insns: [{ ...insn, off: off + (regType === 'PTR_TO_TCP_SOCK' ? 200 : 300) }],
            targetSize: size,
          }),
        }),
      },
      facts: { 0: { ptrType: 'PTR_TO_TCP_SOCK' }, 1: { ptrType: 'PTR_TO_SOCK_COMMON' } },
      insns: [ldxMem(BPF_W, 2, 1, 8), ldxMem(BPF_W, 2, 1, 8), exit()],
      out: [ldxMem(BPF_W, 2, 1, 208), ldxMem(BPF_W, 2, 1, 308), exit()],
    },
    {
      name: 'prologue before a converted first instruction',
      env,
      ops: { ...ops, genPrologue: (direct) => (direct ? [mov64Reg(6, 1), one] : [one]) },
      facts: ctxCase({ ctxFieldSize: 4 }),
      insns: [ldxMem(BPF_B, 2, 1, 8), jmpImm(BPF_JEQ, 2, 0, -2), exit()],
      out: [one, ldxMem(BPF_W, 2, 1, 108), alu32Imm(BPF_AND, 2, 0xff), jmpImm(BPF_JEQ, 2, 0, -4), exit()],
      from: [0, 0, 0, 1, 2],
    },
    {
      name: 'unprivileged stack store',
      facts: { 0: { sanitizeStackOff: -8, ptrType: 'PTR_TO_STACK' } },
      insns: [stxMem(BPF_DW, 10, 1, -8), exit()],
      out: [stMem(BPF_DW, 10, -8, 0), stxMem(BPF_DW, 10, 1, -8), exit()],
    },
    {
      name: 'jumps across',
      env,
      ops: { convertCtxAccess: () => ({ insns: [one, one, one], targetSize: 4 }) },
      facts: { 1: { ptrType: 'PTR_TO_CTX' } },
      insns: [jeq(1), ldxMem(BPF_W, 2, 1, 8), exit()],
      out: [jeq(3), one, one, one, exit()],
      from: [0, 1, 1, 1, 2],
    },
  ];
  it.each(cases)('$name', check(convertContexts));

  it('marks loads through BTF pointers and refuses stores', () => {
    const facts = { 0: { ptrType: 'PTR_TO_BTF_ID' } as const };
    const load = fakeVerification({ insns: [ldxMem(BPF_DW, 1, 1, 0), exit()], facts });
    expect(outcome(load, convertContexts).errno).toBe(0);
    expect(load.insnFacts[0].probeMem).toBe(true);
    const store = { insns: [stxMem(BPF_DW, 1, 1, 0), exit()], facts };
    expect(outcome(fakeVerification(store), convertContexts)).toEqual({
      errno: -EINVAL,
      log: 'Writes through BTF pointers are not allowed\n',
    });
    expect(outcome(fakeVerification({ ...store, prog: { type: 27 } }), convertContexts).errno).toBe(0);
  });

  it('moves line info and functions', () => {
    const v = fakeVerification({
      insns: [ldxMem(BPF_B, 2, 1, 8), callPseudo(1), exit(), exit()],
      subprogs: [0, 3],
      facts: ctxCase({ ctxFieldSize: 4 }),
      env,
      ops,
    });
    v.lineInfo = [0, 1, 3].map((insnIdx) => ({ insnIdx, fileNameOff: 0, lineOff: 0, lineCol: 0 }));
    convertContexts(v);
    expect(v.subprogs.map((s) => s.start)).toEqual([0, 4]);
    expect(v.lineInfo.map((l) => l.insnIdx)).toEqual([0, 2, 4]);
  });

  it('refuses where a jump gets too long, naming the first instruction to blame', () => {
    const loads = Array.from({ length: 32_000 }, () => ldxMem(BPF_B, 2, 1, 8));
    const facts = Object.fromEntries(loads.map((_, i) => [i + 1, { ptrType: 'PTR_TO_CTX', ctxFieldSize: 4 } as const]));
    const v = fakeVerification({ insns: [jeq(32_000), ...loads, exit()], facts, env, ops });
    expect(outcome(v, convertContexts)).toEqual({
      errno: -ENOMEM,
      log: 'insn 768 cannot be patched due to 16-bit range\n',
    });
  });
});
