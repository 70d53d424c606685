// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { Insn } from '../insn.ts';
import type { LinuxVersion } from '../table/row.ts';
import { formatInsn, formatInsnLine } from './format.ts';

function insn(code: number, fields: Partial<Insn> = {}): Insn {
  return { code, dst: 0, src: 0, off: 0, imm: 0, ...fields };
}

function text(of: Insn, version?: LinuxVersion): string {
  return formatInsn([of], 0, { version });
}

describe('formatInsn', () => {
  it.each([
    [0x0f, { dst: 1, src: 2 }, 'r1 += r2'],
    [0x07, { dst: 1, imm: -4 }, 'r1 += -4'],
    [0xcc, { dst: 1, src: 2 }, 'w1 s>>= w2'],
    [0x24, { dst: 3, imm: 268435456 }, 'w3 *= 268435456'],
    [0x87, { dst: 1 }, 'r1 = -r1'],
    [0x84, { dst: 1 }, 'w1 = -w1'],
    [0xdc, { dst: 1, imm: 16 }, 'r1 = be16 r1'],
    [0xd4, { dst: 1, imm: 32 }, 'r1 = le32 r1'],
    [0x61, { dst: 1, src: 2, off: 4 }, 'r1 = *(u32 *)(r2 +4)'],
    [0x79, { dst: 1, src: 10, off: -8 }, 'r1 = *(u64 *)(r10 -8)'],
    [0x7b, { dst: 10, src: 1, off: -8 }, '*(u64 *)(r10 -8) = r1'],
    [0x6a, { dst: 10, off: -14, imm: 7 }, '*(u16 *)(r10 -14) = 7'],
    [0x72, { dst: 1, off: 0, imm: -1 }, '*(u8 *)(r1 +0) = -1'],
    [0xdb, { dst: 1, src: 2 }, 'lock *(u64 *)(r1 +0) += r2'],
    [0x20, { imm: 12 }, 'r0 = *(u32 *)skb[12]'],
    [0x20, { imm: -4096 }, 'r0 = *(u32 *)skb[-4096]'],
    [0x50, { src: 2, imm: 4 }, 'r0 = *(u8 *)skb[r2 + 4]'],
    [0x85, { imm: 1 }, 'call bpf_map_lookup_elem#1'],
    [0x85, { imm: 0 }, 'call bpf_unspec#0'],
    [0x85, { imm: 9999 }, 'call unknown#9999'],
    [0x85, { imm: -1 }, 'call unknown#-1'],
    [0x85, { src: 1, imm: 13 }, 'call pc+13'],
    [0x85, { src: 1, imm: -2 }, 'call pc-2'],
    [0x05, { off: 3 }, 'goto pc+3'],
    [0x05, { off: -3 }, 'goto pc-3'],
    [0x2d, { dst: 1, src: 2, off: 5 }, 'if r1 > r2 goto pc+5'],
    [0x16, { dst: 0, off: -2 }, 'if w0 == 0x0 goto pc-2'],
    [0x65, { dst: 1, imm: -1, off: 1 }, 'if r1 s> 0xffffffff goto pc+1'],
    [0x45, { dst: 1, imm: 16, off: 1 }, 'if r1 & 0x10 goto pc+1'],
    [0x95, {}, 'exit'],
  ] as const)('%i %j: %s', (code, fields, expected) => {
    expect(text(insn(code, fields), '5.6')).toBe(expected);
    expect(text(insn(code, fields))).toBe(expected);
  });

  // Opcodes that are none, or are newer, in the words of v5.6 and of 6.18.
  it.each([
    [0xd7, { dst: 1, imm: 16 }, 'BUG_alu64_d7', 'r1 = bswap16 r1'],
    [0xdf, { dst: 1, imm: 64 }, 'BUG_alu64_df', 'r1 = bswap64 r1'],
    [0x91, { dst: 2, src: 10, off: -16 }, 'BUG_ldx_91', 'r2 = *(s8 *)(r10 -16)'],
    [0x81, { dst: 2, src: 10, off: -16 }, 'BUG_ldx_81', 'r2 = *(s32 *)(r10 -16)'],
    [0x99, { dst: 2, src: 10 }, 'BUG_ldx_99', 'r2 = *((null) *)(r10 +0)'],
    [0x21, {}, 'BUG_ldx_21', 'BUG_ldx_21'],
    [0x22, {}, 'BUG_st_22', 'BUG_st_22'],
    [0xc2, {}, 'BUG_st_c2', 'nospec'],
    [0x43, {}, 'BUG_43', 'BUG_43'],
    [0x00, {}, 'BUG_ld_00', 'BUG_ld_00'],
    [0x78, {}, 'BUG_ld_78', 'BUG_ld_78'],
    [0x38, { imm: 4 }, 'r0 = *(u64 *)skb[4]', 'r0 = *(u64 *)skb[4]'],
    [0xd3, { dst: 1, src: 2 }, 'lock *(u8 *)(r1 +0) += r2', 'lock *(u8 *)(r1 +0) += r2'],
    [0xdb, { dst: 1, src: 2, imm: 1 }, 'lock *(u64 *)(r1 +0) += r2', 'r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)'],
    [0xdb, { dst: 1, src: 2, imm: 0x30 }, 'lock *(u64 *)(r1 +0) += r2', 'BUG_db'],
    [0xc3, { dst: 1, src: 2, imm: 0x50 }, 'lock *(u32 *)(r1 +0) += r2', 'lock *(u32 *)(r1 +0) &= r2'],
    [0xef, { dst: 1, src: 2 }, 'r1 (null) r2', 'r1 (null) r2'],
    [0xf4, { dst: 1, imm: 2 }, 'w1 (null) 2', 'w1 (null) 2'],
    [0x8f, { dst: 1 }, 'r1 = -r1', 'r1 = -r1'],
    [0x06, { imm: 5, off: 2 }, 'if w0 jmp 0x5 goto pc+2', 'gotol pc+5'],
    [0x0d, { dst: 1, src: 2, off: 2 }, 'if r1 jmp r2 goto pc+2', 'if r1 jmp r2 goto pc+2'],
    [0x86, { imm: 1 }, 'call bpf_map_lookup_elem#1', 'call bpf_map_lookup_elem#1'],
    [0x8d, { imm: 1 }, 'call bpf_map_lookup_elem#1', 'call bpf_map_lookup_elem#1'],
    [0x96, {}, 'if w0 exit 0x0 goto pc+0', 'if w0 exit 0x0 goto pc+0'],
    [0x9d, {}, 'if r0 exit r0 goto pc+0', 'if r0 exit r0 goto pc+0'],
    [0xe5, { off: 1 }, 'if r0 (null) 0x0 goto pc+1', 'may_goto pc+1'],
    [0xe5, { off: 1, src: 1 }, 'if r0 (null) 0x0 goto pc+1', 'if r0 (null) 0x0 goto pc+1'],
    [0xf5, {}, 'if r0 (null) 0x0 goto pc+0', 'if r0 (null) 0x0 goto pc+0'],
    [0xbf, { dst: 3, src: 2, off: 8 }, 'r3 = r2', 'r3 = (s8)r2'],
    [0xbc, { dst: 3, src: 2, off: 16 }, 'w3 = w2', 'w3 = (s16)w2'],
    [0xbf, { dst: 3, src: 2, off: 7 }, 'r3 = r2', 'r3 = r2'],
    [0x3f, { dst: 3, src: 6, off: 1 }, 'r3 /= r6', 'r3 s/= r6'],
    [0x94, { dst: 3, imm: -2, off: 1 }, 'w3 %= -2', 'w3 s%= -2'],
    [0xbf, { dst: 1, src: 2, off: 1, imm: 1 }, 'r1 = r2', 'r1 = addr_space_cast(r2, 0, 1)'],
    [0xbf, { dst: 1, src: 2, off: 1, imm: 0x10000 }, 'r1 = r2', 'r1 = addr_space_cast(r2, 1, 0)'],
    [0x85, { src: 2, imm: 1 }, 'call bpf_map_lookup_elem#1', 'call kernel-function#1'],
    [0x85, { src: 2, imm: 64231 }, 'call unknown#64231', 'call kernel-function#64231'],
    [
      0xdb,
      { dst: 10, src: 6, off: -8, imm: 0xe1 },
      'lock *(u64 *)(r10 -8) += r6',
      'r6 = atomic64_xchg((u64 *)(r10 -8), r6)',
    ],
    [
      0xc3,
      { dst: 10, src: 6, off: -8, imm: 0xf1 },
      'lock *(u32 *)(r10 -8) += r6',
      'r0 = atomic_cmpxchg((u32 *)(r10 -8), r0, r6)',
    ],
    [
      0xdb,
      { dst: 7, src: 10, off: -8, imm: 0x100 },
      'lock *(u64 *)(r7 -8) += r10',
      'r7 = load_acquire((u64 *)(r10 -8))',
    ],
    [
      0xdb,
      { dst: 10, src: 6, off: -8, imm: 0x110 },
      'lock *(u64 *)(r10 -8) += r6',
      'store_release((u64 *)(r10 -8), r6)',
    ],
  ] as const)('%i %j: %s, later %s', (code, fields, old, recent) => {
    expect(text(insn(code, fields), '5.6')).toBe(old);
    expect(text(insn(code, fields), '6.18')).toBe(recent);
  });

  it('reads both slots of a 64-bit load, and asks for its words', () => {
    const load = [insn(0x18, { dst: 1, src: 1, imm: -2 }), insn(0, { imm: -30720 })];
    expect(formatInsn(load, 0)).toBe('r1 = 0xffff8800fffffffe');
    expect(formatInsn(load, 0, { imm64: (at, idx, value) => `${at.src}/${idx}/${value.toString(16)}` })).toBe(
      'r1 = 1/0/ffff8800fffffffe',
    );
    expect(formatInsn([load[0]], 0)).toBe('r1 = 0xfffffffe');
  });

  it('asks for the names of calls', () => {
    const calls = [insn(0x85, { imm: 7 }), insn(0x85, { src: 1, imm: 2 })];
    const options = { funcName: () => 'f', subprog: () => '+2#g' };
    expect(calls.map((_, idx) => formatInsn(calls, idx, options))).toEqual(['call f#7', 'call pc+2#g']);
  });
});

describe('formatInsnLine', () => {
  it('puts the opcode before words, and nothing before what has none', () => {
    expect(formatInsnLine([insn(0x95)], 0)).toBe('(95) exit');
    expect(formatInsnLine([insn(0x07, { dst: 2, imm: 1 })], 0)).toBe('(07) r2 += 1');
    expect(formatInsnLine([insn(0x91)], 0, { version: '5.6' })).toBe('BUG_ldx_91');
  });
});
