// SPDX-License-Identifier: MIT
import * as uapi from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import type { Bounds, Width } from './index.ts';
import {
  SCALAR_RULES_5_6,
  UNKNOWN,
  aluForgetsReg,
  formatBounds,
  formatTnum,
  known,
  knownImm,
  makeBounds,
  normalise,
  scalarAlu,
  unknownOfSize,
} from './index.ts';

const upTo = (umax: bigint, umin = 0n): Bounds => normalise(makeBounds({ umin, umax }), 'D', 'B', 'U');
const U8 = unknownOfSize(1);
const U32 = unknownOfSize(4);

/** dst, op, width, src → the log's text of the result. */
const ROWS: [string, Bounds, number, Width, Bounds, string][] = [
  ['a sum of ranges', U8, uapi.BPF_ADD, 64, knownImm(14), ',umin_value=14,umax_value=269,var_off=(0x0; 0x1ff)'],
  ['an unsigned sum that wraps', upTo(10n), uapi.BPF_ADD, 64, knownImm(-1), ',smin_value=-1,smax_value=9'],
  [
    'a signed sum that overflows',
    upTo((1n << 63n) - 1n),
    uapi.BPF_ADD,
    64,
    knownImm(1),
    ',umin_value=1,umax_value=9223372036854775808',
  ],
  [
    'a constant sum that leaves both ranges keeps its bits only',
    known(1n << 63n),
    uapi.BPF_ADD,
    64,
    known(1n << 63n),
    ',imm=0',
  ],
  ['a difference below 0', U8, uapi.BPF_SUB, 64, knownImm(1), ',smin_value=-1,smax_value=254'],
  ['a 32-bit difference below 0 keeps its bits only', knownImm(1), uapi.BPF_SUB, 32, knownImm(2), ',imm=ffffffff'],
  ['a product', U8, uapi.BPF_MUL, 64, knownImm(3), ',umax_value=765,var_off=(0x0; 0x3ff)'],
  [
    'a product with a negative',
    U8,
    uapi.BPF_MUL,
    64,
    knownImm(-2),
    ',smax_value=9223372036854775806,umax_value=18446744073709551614,var_off=(0x0; 0xfffffffffffffffe)',
  ],
  [
    'a product of more than 32 bits',
    makeBounds({ umax: 1n << 32n, smin: 0n, smax: 1n << 32n }),
    uapi.BPF_MUL,
    64,
    knownImm(2),
    ',smax_value=9223372036854775806,umax_value=18446744073709551614,var_off=(0x0; 0xfffffffffffffffe)',
  ],
  ['a product beyond the sign', U32, uapi.BPF_MUL, 64, known(0xffff_ffffn), ',umax_value=18446744065119617025'],
  ['a mask', UNKNOWN, uapi.BPF_AND, 64, knownImm(255), ',umax_value=255,var_off=(0x0; 0xff)'],
  ['a mask of two unknowns', U8, uapi.BPF_AND, 64, upTo(6n), ',umax_value=6,var_off=(0x0; 0x7)'],
  [
    'a mask that keeps the sign',
    UNKNOWN,
    uapi.BPF_AND,
    64,
    knownImm(-8),
    ',smax_value=9223372036854775800,umax_value=18446744073709551608,var_off=(0x0; 0xfffffffffffffff8)',
  ],
  ['bits set', U8, uapi.BPF_OR, 64, knownImm(256), ',umin_value=256,umax_value=511,var_off=(0x100; 0xff)'],
  ['XOR is not tracked', knownImm(1), uapi.BPF_XOR, 64, knownImm(1), ''],
  [
    '32-bit XOR by a constant is',
    knownImm(1),
    uapi.BPF_XOR,
    32,
    knownImm(1),
    ',umax_value=4294967295,var_off=(0x0; 0xffffffff)',
  ],
  ['32-bit XOR by an unknown is not even 32-bit', knownImm(1), uapi.BPF_XOR, 32, UNKNOWN, ''],
  ['nor is a 32-bit shift by an unknown', knownImm(1), uapi.BPF_LSH, 32, upTo(3n), ''],
  ['DIV', knownImm(4), uapi.BPF_DIV, 64, knownImm(2), ''],
  ['32-bit MOD', knownImm(4), uapi.BPF_MOD, 32, knownImm(2), ',umax_value=4294967295,var_off=(0x0; 0xffffffff)'],
  ['a shift', U8, uapi.BPF_LSH, 64, knownImm(2), ',umax_value=1020,var_off=(0x0; 0x3fc)'],
  [
    'a shift into the sign',
    U8,
    uapi.BPF_LSH,
    64,
    knownImm(56),
    ',smax_value=9151314442816847872,umax_value=18374686479671623680,var_off=(0x0; 0xff00000000000000)',
  ],
  ['a shift by the width', U8, uapi.BPF_LSH, 64, knownImm(64), ''],
  [
    'a 32-bit shift by the width',
    U8,
    uapi.BPF_LSH,
    32,
    knownImm(32),
    ',umax_value=4294967295,var_off=(0x0; 0xffffffff)',
  ],
  ['a shift by a negative', U8, uapi.BPF_RSH, 64, knownImm(-1), ''],
  ['a shift down', U32, uapi.BPF_RSH, 64, knownImm(28), ',umax_value=15,var_off=(0x0; 0xf)'],
  ['a shift down of the unknown', UNKNOWN, uapi.BPF_RSH, 64, knownImm(63), ',umax_value=1,var_off=(0x0; 0x1)'],
  ['a signed shift', UNKNOWN, uapi.BPF_ARSH, 64, knownImm(63), ',smin_value=-1,smax_value=0'],
  ['a 32-bit signed shift', U32, uapi.BPF_ARSH, 32, knownImm(31), ',umax_value=4294967295,var_off=(0x0; 0xffffffff)'],
  ['32-bit operands are cut first', known((7n << 32n) | 5n), uapi.BPF_ADD, 32, known((9n << 32n) | 1n), ',imm=6'],
  ['an inconsistent operand', knownImm(1), uapi.BPF_ADD, 32, makeBounds({ value: 5n, umax: 6n }), ''],
];

describe('scalarAlu', () => {
  it.each(ROWS)('%s', (_name, dst, op, width, src, expected) => {
    expect(formatBounds(scalarAlu(op, width, dst, src))).toBe(expected);
  });

  it('a known value with disagreeing ranges makes the next operation unknown', () => {
    const loose = scalarAlu(uapi.BPF_SUB, 32, knownImm(1), knownImm(2));
    expect([loose.value, loose.mask, loose.umin, loose.umax]).toEqual([0xffff_ffffn, 0n, 0n, 0xffff_ffffn]);
    expect(loose.exact).toBe(false);
    expect(scalarAlu(uapi.BPF_ADD, 64, knownImm(0), loose)).toBe(UNKNOWN);
    expect(aluForgetsReg(uapi.BPF_ADD, 64, loose)).toBe(true);
    // As the destination it is computed with.
    expect(scalarAlu(uapi.BPF_AND, 64, loose, knownImm(7))).toBe(knownImm(7));
  });

  it('shares what it can', () => {
    expect(scalarAlu(uapi.BPF_ADD, 64, knownImm(3), knownImm(4))).toBe(knownImm(7));
    expect(scalarAlu(uapi.BPF_ADD, 64, UNKNOWN, knownImm(4))).toBe(UNKNOWN);
    expect(scalarAlu(uapi.BPF_SUB, 64, U8, UNKNOWN)).toBe(UNKNOWN);
  });

  it('multiplies by the named rule', () => {
    // Unbounded ranges, so that they do not hide which product of the bits it was.
    const odd = makeBounds({ value: 1n, mask: 6n });
    const bits = (tnumMul: 'v5.6' | 'v5.14'): string =>
      formatTnum(scalarAlu(uapi.BPF_MUL, 64, odd, knownImm(3), { ...SCALAR_RULES_5_6, tnumMul }));
    expect([bits('v5.6'), bits('v5.14')]).toEqual(['(0x1; 0x1e)', '(0x1; 0x3e)']);
  });

  it.each([
    ['XOR by a constant', uapi.BPF_XOR, 64, knownImm(1), true],
    ['OR by an unknown', uapi.BPF_OR, 64, U8, true],
    ['OR by a constant', uapi.BPF_OR, 64, knownImm(1), false],
    ['AND by an unknown', uapi.BPF_AND, 64, U8, false],
    ['LSH by 31', uapi.BPF_LSH, 32, knownImm(31), false],
    ['LSH by 32', uapi.BPF_LSH, 32, knownImm(32), true],
    ['LSH of 64 bits by 32', uapi.BPF_LSH, 64, knownImm(32), false],
    [
      'MUL whose upper half only is unknown',
      uapi.BPF_MUL,
      32,
      makeBounds({ value: 3n, mask: 1n << 40n, umin: 3n, umax: 3n }),
      false,
    ],
  ] as [string, number, Width, Bounds, boolean][])(
    '%s re-initialises the register: last column',
    (_n, op, w, src, want) => {
      expect(aluForgetsReg(op, w, src)).toBe(want);
    },
  );
});
