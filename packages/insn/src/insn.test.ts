// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { assemble } from './asm/assemble.ts';
import {
  insnClass,
  insnMode,
  insnOp,
  insnSize,
  isLdImm64,
  jumpTarget,
  ldImm64Value,
  subprogTarget,
  usesSrcReg,
} from './insn.ts';

describe('parts of an instruction', () => {
  it.each([
    ['r1 += r2', { cls: 7, op: 0x00, mode: 0x00, x: true }],
    ['w1 s>>= 3', { cls: 4, op: 0xc0, mode: 0xc0, x: false }],
    ['if w1 s<= w2 goto +3', { cls: 6, op: 0xd0, mode: 0xc0, x: true }],
    ['r1 = *(s8 *)(r2 +0)', { cls: 1, op: 0x90, mode: 0x80, x: false }],
  ])('%s', (text, parts) => {
    const [insn] = assemble(text);
    expect({ cls: insnClass(insn), op: insnOp(insn), mode: insnMode(insn), x: usesSrcReg(insn) }).toEqual(parts);
  });

  it.each([
    ['r1 = *(u8 *)(r2 +0)', 1],
    ['*(u16 *)(r2 +0) = 1', 2],
    ['lock *(u32 *)(r2 +0) += r1', 4],
    ['*(u64 *)(r2 +0) = r1', 8],
    ['r0 = *(u16 *)skb[0]', 2],
  ])('%s has %i bytes', (text, bytes) => {
    expect(insnSize(assemble(text)[0])).toBe(bytes);
  });
});

describe('64-bit loads', () => {
  it('are told from their second slot, and hold an unsigned value', () => {
    const insns = assemble('r1 = -2 ll');
    expect(insns.map(isLdImm64)).toEqual([true, false]);
    expect(ldImm64Value(insns, 0)).toBe(0xffff_ffff_ffff_fffen);
    expect(ldImm64Value(assemble('r1 = 0x80000000 ll'), 0)).toBe(0x8000_0000n);
  });
});

describe('targets', () => {
  it.each([
    ['goto +3', 14, undefined],
    ['if r1 == 0 goto -3', 8, undefined],
    ['if w1 == w2 goto +0', 11, undefined],
    ['gotol +70000', 70011, undefined],
    ['may_goto +1', 12, undefined],
    ['exit', undefined, undefined],
    ['call 5', undefined, undefined],
    ['call kfunc 5', undefined, undefined],
    ['call pc+5', undefined, 16],
    ['r1 = subprog[-4]', undefined, 7],
    ['r1 = map[fd:4]', undefined, undefined],
    ['r1 += 4', undefined, undefined],
    ['r1 = *(u64 *)(r2 +8)', undefined, undefined],
  ])('%s', (text, jump, subprog) => {
    const [insn] = assemble(text);
    expect([jumpTarget(insn, 10), subprogTarget(insn, 10)]).toEqual([jump, subprog]);
  });
});
