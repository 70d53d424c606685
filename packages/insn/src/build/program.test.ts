// SPDX-License-Identifier: MIT
import { BPF_ADD, BPF_DIV, BPF_DW, BPF_FETCH, BPF_H, BPF_JEQ, BPF_JSLT, BPF_W, UsageError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { formatAsm } from '../disasm/asm.ts';
import type { Insn } from '../insn.ts';
import {
  addrSpaceCast,
  alu32Imm,
  alu32Reg,
  alu64Imm,
  alu64Reg,
  endian,
  mov32Imm,
  mov32Reg,
  mov64Imm,
  mov64Reg,
  movsx32,
  movsx64,
  neg32,
  neg64,
  signedDivision,
} from './alu.ts';
import {
  callHelper,
  callKfunc,
  callPseudo,
  exit,
  gotol,
  ja,
  jmp32Imm,
  jmp32Reg,
  jmpImm,
  jmpReg,
  mayGoto,
} from './jump.ts';
import {
  atomic,
  ldAbs,
  ldFunc,
  ldImm64,
  ldInd,
  ldMapFd,
  ldMapValue,
  ldxMem,
  ldxMemSx,
  loadAcquire,
  stMem,
  storeRelease,
  stxMem,
} from './memory.ts';
import { program } from './program.ts';

describe('builders', () => {
  it.each<[string, Insn | readonly Insn[]]>([
    ['r1 += -1', alu64Imm(BPF_ADD, 1, 0xffff_ffff)],
    ['r1 += r2', alu64Reg(BPF_ADD, 1, 2)],
    ['w1 += 5', alu32Imm(BPF_ADD, 1, 5)],
    ['w1 /= w2', alu32Reg(BPF_DIV, 1, 2)],
    ['w1 s/= w2', signedDivision(alu32Reg(BPF_DIV, 1, 2))],
    ['r1 = -5', mov64Imm(1, -5)],
    ['r1 = r2', mov64Reg(1, 2)],
    ['w1 = 5', mov32Imm(1, 5)],
    ['w1 = w2', mov32Reg(1, 2)],
    ['r1 = (s32)r2', movsx64(1, 2, 32)],
    ['w1 = (s8)w2', movsx32(1, 2, 8)],
    ['r1 = -r1', neg64(1)],
    ['w1 = -w1', neg32(1)],
    ['r1 = be16 r1', endian('be', 1, 16)],
    ['r1 = le32 r1', endian('le', 1, 32)],
    ['r1 = bswap64 r1', endian('bswap', 1, 64)],
    ['r1 = addr_space_cast(r2, 0, 1)', addrSpaceCast(1, 2, { to: 0, from: 1 })],
    ['r1 = *(u16 *)(r2 +4)', ldxMem(BPF_H, 1, 2, 4)],
    ['r1 = *(s16 *)(r2 +4)', ldxMemSx(BPF_H, 1, 2, 4)],
    ['*(u64 *)(r10 -8) = r1', stxMem(BPF_DW, 10, 1, -8)],
    ['*(u32 *)(r10 -4) = 7', stMem(BPF_W, 10, -4, 7)],
    ['r0 = *(u16 *)skb[12]', ldAbs(BPF_H, 12)],
    ['r0 = *(u32 *)skb[r6 + -1]', ldInd(BPF_W, 6, -1)],
    ['lock *(u64 *)(r1 +8) += r2', atomic(BPF_DW, BPF_ADD, 1, 2, 8)],
    ['r2 = atomic_fetch_add((u32 *)(r1 +8), r2)', atomic(BPF_W, BPF_ADD | BPF_FETCH, 1, 2, 8)],
    ['r1 = load_acquire((u64 *)(r2 +8))', loadAcquire(BPF_DW, 1, 2, 8)],
    ['store_release((u64 *)(r1 +8), r2)', storeRelease(BPF_DW, 1, 2, 8)],
    ['r1 = 0xfedcba9876543210 ll', ldImm64(1, 0xfedc_ba98_7654_3210n)],
    ['r1 = 0xffffffffffffffff ll', ldImm64(1, -1n)],
    ['r1 = map[fd:9]', ldMapFd(1, 9)],
    ['r1 = map[fd:9][0]+16', ldMapValue(1, 9, 16)],
    ['r1 = subprog[-3]', ldFunc(1, -3)],
    ['if r1 == 0x5 goto pc+3', jmpImm(BPF_JEQ, 1, 5, 3)],
    ['if r1 s< r2 goto pc-3', jmpReg(BPF_JSLT, 1, 2, -3)],
    ['if w1 == 0xffffffff goto pc+3', jmp32Imm(BPF_JEQ, 1, -1, 3)],
    ['if w1 s< w2 goto pc+3', jmp32Reg(BPF_JSLT, 1, 2, 3)],
    ['goto pc+1', ja(1)],
    ['gotol pc+70000', gotol(70000)],
    ['may_goto pc+1', mayGoto(1)],
    ['call bpf_map_lookup_elem#1', callHelper(1)],
    ['call pc+4', callPseudo(4)],
    ['call kfunc 77, 2', callKfunc(77, 2)],
    ['exit', exit()],
  ])('%s', (text, built) => {
    expect(formatAsm(Array.isArray(built) ? (built as readonly Insn[]) : [built as Insn])).toBe(`${text}\n`);
  });
});

describe('program', () => {
  it('resolves labels across two-slot loads and nested lists', () => {
    const insns = program(
      'start',
      jmpImm(BPF_JEQ, 1, 0, 'out'),
      [ldImm64(2, 1n), [mov64Reg(3, 2)]],
      callPseudo('func'),
      ja('start'),
      'out',
      exit(),
      'func',
      exit(),
    );
    expect(formatAsm(insns)).toBe('if r1 == 0x0 goto pc+5\nr2 = 0x1 ll\nr3 = r2\ncall pc+2\ngoto pc-6\nexit\nexit\n');
  });

  it.each([
    ['a missing label', () => program(ja('nowhere')), 'nowhere'],
    ['a label twice', () => program('a', 'a', exit()), 'twice'],
    ['a label too far', () => program(ja('far'), new Array<Insn>(0x8000).fill(exit()), 'far', exit()), '16 bits'],
  ])('refuses %s', (_, build, message) => {
    expect(build).toThrow(UsageError);
    expect(build).toThrow(message);
  });
});
