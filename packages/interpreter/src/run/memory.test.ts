// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { assemble } from '@tsbpf/insn';
import { runBare } from '../bare/bare.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (mem: Uint8Array): string => Array.from(mem, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Each row: a program over the memory `8899aabbccddeeff0011223344556677`, R0 afterwards, and the memory if it changed. */
const BEFORE = '8899aabbccddeeff0011223344556677';
const rows: readonly (readonly [asm: string, r0: bigint, after?: string])[] = [
  ['ldxb r0, [r1+3]', 0xbbn],
  ['ldxh r0, [r1+1]', 0xaa99n],
  ['ldxw r0, [r1+1]', 0xccbbaa99n],
  ['ldxdw r0, [r1+1]', 0x00ffeeddccbbaa99n],
  ['add r1, 8\nldxb r0, [r1-8]', 0x88n],
  ['ldxsb r0, [r1]', 0xffffffffffffff88n],
  ['ldxsh r0, [r1]', 0xffffffffffff9988n],
  ['ldxsw r0, [r1]', 0xffffffffbbaa9988n],
  ['ldxsb r0, [r1+15]', 0x77n],
  ['ldxsh r0, [r1+14]', 0x7766n],
  ['ldxsw r0, [r1+12]', 0x77665544n],
  ['stb [r1+1], 0x1ff\nmov r0, 0', 0n, '88ffaabbccddeeff0011223344556677'],
  ['sth [r1+1], 0x12345\nmov r0, 0', 0n, '884523bbccddeeff0011223344556677'],
  ['stw [r1+1], -2\nmov r0, 0', 0n, '88feffffffddeeff0011223344556677'],
  ['stdw [r1+4], -2\nmov r0, 0', 0n, '8899aabbfeffffffffffffff44556677'],
  ['lddw r0, 0x0102030405060708\nstxb [r1], r0', 0x0102030405060708n, '0899aabbccddeeff0011223344556677'],
  ['lddw r0, 0x0102030405060708\nstxh [r1], r0', 0x0102030405060708n, '0807aabbccddeeff0011223344556677'],
  ['lddw r0, 0x0102030405060708\nstxw [r1], r0', 0x0102030405060708n, '08070605ccddeeff0011223344556677'],
  ['lddw r0, 0x0102030405060708\nstxdw [r1], r0', 0x0102030405060708n, '08070605040302010011223344556677'],
  // Atomics: R3 is the operand, R0 what was there.
  ['lock add32 [r1], r3\nmov r0, r3', 0xffffffff80000001n, '8999aa3bccddeeff0011223344556677'],
  ['lock add [r1], r3\nmov r0, r3', 0xffffffff80000001n, '8999aa3bccddeeff0011223344556677'],
  ['lock or32 [r1], r3\nmov r0, r3', 0xffffffff80000001n, '8999aabbccddeeff0011223344556677'],
  ['lock or [r1], r3\nmov r0, r3', 0xffffffff80000001n, '8999aabbffffffff0011223344556677'],
  ['lock and32 [r1], r3\nmov r0, r3', 0xffffffff80000001n, '00000080ccddeeff0011223344556677'],
  ['lock and [r1], r3\nmov r0, r3', 0xffffffff80000001n, '00000080ccddeeff0011223344556677'],
  ['lock xor32 [r1], r3\nmov r0, r3', 0xffffffff80000001n, '8999aa3bccddeeff0011223344556677'],
  ['lock xor [r1], r3\nmov r0, r3', 0xffffffff80000001n, '8999aa3b332211000011223344556677'],
  ['lock fetch add32 [r1], r3\nmov r0, r3', 0xbbaa9988n, '8999aa3bccddeeff0011223344556677'],
  ['lock fetch add [r1], r3\nmov r0, r3', 0xffeeddccbbaa9988n, '8999aa3bccddeeff0011223344556677'],
  ['lock fetch or [r1], r3\nmov r0, r3', 0xffeeddccbbaa9988n, '8999aabbffffffff0011223344556677'],
  ['lock fetch and [r1], r3\nmov r0, r3', 0xffeeddccbbaa9988n, '00000080ccddeeff0011223344556677'],
  ['lock fetch xor [r1], r3\nmov r0, r3', 0xffeeddccbbaa9988n, '8999aa3b332211000011223344556677'],
  ['lock fetch or32 [r1], r3\nmov r0, r3', 0xbbaa9988n, '8999aabbccddeeff0011223344556677'],
  ['lock fetch and32 [r1], r3\nmov r0, r3', 0xbbaa9988n, '00000080ccddeeff0011223344556677'],
  ['lock fetch xor32 [r1], r3\nmov r0, r3', 0xbbaa9988n, '8999aa3bccddeeff0011223344556677'],
  ['lock xchg32 [r1], r3\nmov r0, r3', 0xbbaa9988n, '01000080ccddeeff0011223344556677'],
  ['lock xchg [r1], r3\nmov r0, r3', 0xffeeddccbbaa9988n, '01000080ffffffff0011223344556677'],
  ['lddw r0, 0x1bbaa9988\nlock cmpxchg32 [r1], r3', 0xbbaa9988n, '01000080ccddeeff0011223344556677'],
  ['mov r0, 5\nlock cmpxchg32 [r1], r3', 0xbbaa9988n],
  ['lddw r0, 0xffeeddccbbaa9988\nlock cmpxchg [r1], r3', 0xffeeddccbbaa9988n, '01000080ffffffff0011223344556677'],
  ['lddw r0, 0x1bbaa9988\nlock cmpxchg [r1], r3', 0xffeeddccbbaa9988n],
  // A carry into the high word, with and without fetch.
  ['stdw [r1], -1\nmov r3, 1\nlock add [r1], r3\nldxdw r0, [r1]', 0n, '00000000000000000011223344556677'],
  ['stdw [r1], -1\nmov r3, 1\nlock fetch add [r1], r3\nmov r0, r3', 2n ** 64n - 1n, '00000000000000000011223344556677'],
];

describe.each([true, false])('memory, checked %s', (checked) => {
  it.each(rows)('%s', (asm, r0, after = BEFORE) => {
    const insns = assemble(`${asm}\nexit`);
    const result = runBare({
      insns,
      checked,
      mem: bytes(BEFORE),
      registers: [0n, undefined, undefined, 0xffffffff80000001n],
    });
    expect(result.r0).toBe(r0);
    expect(hex(result.mem)).toBe(after);
  });

  it('orders loads and stores of all sizes', () => {
    for (const [size, r0] of [
      [0x10, 0x77n],
      [0x08, 0x7766n],
      [0x00, 0x77665544n],
      [0x18, 0x7766554433221100n],
    ] as const) {
      const width = { 0x10: 1, 0x08: 2, 0x00: 4, 0x18: 8 }[size];
      const insns = [
        { code: 0xc3 | size, dst: 0, src: 1, off: 16 - width, imm: 0x100 },
        { code: 0xc3 | size, dst: 1, src: 0, off: 0, imm: 0x110 },
        { code: 0x95, dst: 0, src: 0, off: 0, imm: 0 },
      ];
      const result = runBare({ insns, checked, mem: bytes(BEFORE) });
      expect(result.r0).toBe(r0);
      expect(hex(result.mem)).toBe(BEFORE.slice(32 - 2 * width) + BEFORE.slice(2 * width));
    }
  });

  it('goes far with gotol, and on behind may_goto', () => {
    const far = assemble('mov r0, 1\ngotol out\nmov r0, 2\nout:\nexit');
    expect(runBare({ insns: far, checked }).r0).toBe(1n);
    const may = assemble('mov r0, 1\nmay_goto out\nmov r0, 2\nout:\nexit');
    expect(runBare({ insns: may, checked }).r0).toBe(2n);
  });
});

describe('may_goto', () => {
  it('falls through 8388608 times in one activation', () => {
    const insns = assemble('mov r0, 0\nagain:\nmay_goto out\nadd r0, 1\nja again\nout:\nexit');
    expect(runBare({ insns, checked: false }).r0).toBe(8388608n);
  });
});
