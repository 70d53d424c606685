// SPDX-License-Identifier: MIT
import * as uapi from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import type { Bounds, Width } from './index.ts';
import {
  SCALAR_RULES_5_6,
  UNKNOWN,
  branchTaken,
  formatBounds,
  known,
  knownImm,
  makeBounds,
  normalise,
  refineBranch,
  unknownOfSize,
} from './index.ts';

const range = (umin: bigint, umax: bigint): Bounds => normalise(makeBounds({ umin, umax }), 'D', 'B', 'U');
const U8 = unknownOfSize(1);

const TAKEN: [string, number, Width, Bounds, Bounds, boolean | undefined][] = [
  ['equal constants', uapi.BPF_JEQ, 64, knownImm(5), knownImm(5), true],
  ['equality does not ask the range', uapi.BPF_JEQ, 64, U8, knownImm(256), undefined],
  ['inequality of constants', uapi.BPF_JNE, 64, knownImm(5), knownImm(6), true],
  ['a known bit', uapi.BPF_JSET, 64, makeBounds({ value: 4n, mask: 3n }), knownImm(6), true],
  ['no possible bit', uapi.BPF_JSET, 64, U8, knownImm(256), false],
  ['above the maximum', uapi.BPF_JGT, 64, U8, knownImm(255), false],
  ['at the maximum', uapi.BPF_JGE, 64, U8, knownImm(255), undefined],
  ['below a limit', uapi.BPF_JLT, 64, U8, knownImm(256), true],
  ['up to a limit', uapi.BPF_JLE, 64, U8, knownImm(255), true],
  ['signed above the maximum is undecided at the maximum', uapi.BPF_JSGT, 64, U8, knownImm(255), undefined],
  ['signed above more than the maximum', uapi.BPF_JSGT, 64, U8, knownImm(256), false],
  ['signed below 0', uapi.BPF_JSLT, 64, U8, knownImm(0), false],
  ['an unknown to compare with', uapi.BPF_JGT, 64, knownImm(5), U8, undefined],
  ['32 bits of a constant', uapi.BPF_JEQ, 32, known((1n << 32n) | 5n), knownImm(5), true],
  ['-1 in 32 bits', uapi.BPF_JSLT, 32, known(0xffff_ffffn), knownImm(0), true],
  ['both signs in 32 bits', uapi.BPF_JSLT, 32, range(0x7fff_ffffn, 0x8000_0000n), knownImm(0), undefined],
  [
    'only the low half of the other is known',
    uapi.BPF_JEQ,
    32,
    knownImm(5),
    makeBounds({ value: 5n, mask: 1n << 33n }),
    undefined,
  ],
];

/** op, width, dst, src → taken dst, fall-through dst. */
const REFINED: [string, number, Width, Bounds, Bounds, string, string][] = [
  ['JEQ', uapi.BPF_JEQ, 64, U8, knownImm(7), ',imm=7', ',umax_value=255,var_off=(0x0; 0xff)'],
  ['JNE', uapi.BPF_JNE, 64, U8, knownImm(7), ',umax_value=255,var_off=(0x0; 0xff)', ',imm=7'],
  [
    'JGT',
    uapi.BPF_JGT,
    64,
    U8,
    knownImm(9),
    ',umin_value=10,umax_value=255,var_off=(0x0; 0xff)',
    ',umax_value=9,var_off=(0x0; 0xf)',
  ],
  [
    'JGE',
    uapi.BPF_JGE,
    64,
    U8,
    knownImm(9),
    ',umin_value=9,umax_value=255,var_off=(0x0; 0xff)',
    ',umax_value=8,var_off=(0x0; 0xf)',
  ],
  [
    'JLT',
    uapi.BPF_JLT,
    64,
    U8,
    knownImm(9),
    ',umax_value=8,var_off=(0x0; 0xf)',
    ',umin_value=9,umax_value=255,var_off=(0x0; 0xff)',
  ],
  [
    'JLE',
    uapi.BPF_JLE,
    64,
    U8,
    knownImm(9),
    ',umax_value=9,var_off=(0x0; 0xf)',
    ',umin_value=10,umax_value=255,var_off=(0x0; 0xff)',
  ],
  [
    'JSGT',
    uapi.BPF_JSGT,
    64,
    UNKNOWN,
    knownImm(-1),
    ',umax_value=9223372036854775807,var_off=(0x0; 0x7fffffffffffffff)',
    ',umin_value=9223372036854775808,var_off=(0x8000000000000000; 0x7fffffffffffffff)',
  ],
  [
    'JSLT',
    uapi.BPF_JSLT,
    64,
    UNKNOWN,
    knownImm(-4),
    ',umin_value=9223372036854775808,umax_value=18446744073709551611,var_off=(0x8000000000000000; 0x7fffffffffffffff)',
    ',smin_value=-4',
  ],
  [
    'JSET by several bits learns nothing where taken',
    uapi.BPF_JSET,
    64,
    U8,
    knownImm(6),
    ',umax_value=255,var_off=(0x0; 0xff)',
    ',umax_value=249,var_off=(0x0; 0xf9)',
  ],
  [
    '32-bit JEQ knows the low half',
    uapi.BPF_JEQ,
    32,
    UNKNOWN,
    knownImm(-1),
    ',smin_value=-9223372032559808513,umin_value=4294967295,var_off=(0xffffffff; 0xffffffff00000000)',
    '',
  ],
  [
    '32-bit JGT of 64 unknown bits learns a minimum',
    uapi.BPF_JGT,
    32,
    UNKNOWN,
    knownImm(9),
    ',umin_value=10',
    ',umax_value=18446744069414584329',
  ],
  [
    '32-bit JGT of 32 bits',
    uapi.BPF_JGT,
    32,
    U8,
    knownImm(9),
    ',umin_value=10,umax_value=255,var_off=(0x0; 0xff)',
    ',umax_value=9,var_off=(0x0; 0xf)',
  ],
  [
    '32-bit JSGT of what fits',
    uapi.BPF_JSGT,
    32,
    U8,
    knownImm(9),
    ',umin_value=10,umax_value=255,var_off=(0x0; 0xff)',
    ',umax_value=9,var_off=(0x0; 0xf)',
  ],
  [
    '32-bit JSGT of what need not',
    uapi.BPF_JSGT,
    32,
    unknownOfSize(4),
    knownImm(9),
    ',umax_value=4294967295,var_off=(0x0; 0xffffffff)',
    ',umax_value=4294967295,var_off=(0x0; 0xffffffff)',
  ],
];

describe('branchTaken', () => {
  it.each(TAKEN)('%s', (_name, op, width, dst, src, expected) => {
    expect(branchTaken(op, width, dst, src)).toBe(expected);
  });

  it('decides a signed > at the maximum by the later rule', () => {
    const rules = { ...SCALAR_RULES_5_6, sgtFalseAtMax: true };
    expect(branchTaken(uapi.BPF_JSGT, 64, U8, knownImm(255), rules)).toBe(false);
  });

  it('asks "always" first of a range that cannot be', () => {
    const impossible = makeBounds({ umin: 9n, umax: 3n });
    const ops = [uapi.BPF_JGT, uapi.BPF_JGE, uapi.BPF_JLT, uapi.BPF_JLE];
    expect(ops.map((op) => branchTaken(op, 64, impossible, knownImm(5)))).toEqual([true, true, true, true]);
  });
});

describe('refineBranch', () => {
  it.each(REFINED)('%s', (_name, op, width, dst, src, taken, fall) => {
    const sides = refineBranch(op, width, dst, src);
    expect([formatBounds(sides.takenDst), formatBounds(sides.fallDst)]).toEqual([taken, fall]);
    expect([sides.takenSrc, sides.fallSrc]).toEqual([src, src]);
  });

  it('mirrors the comparison where the constant is on the left', () => {
    const sides = refineBranch(uapi.BPF_JGT, 64, knownImm(9), U8);
    expect(formatBounds(sides.takenSrc)).toBe(',umax_value=8,var_off=(0x0; 0xf)');
    expect(formatBounds(sides.fallSrc)).toBe(',umin_value=9,umax_value=255,var_off=(0x0; 0xff)');
    expect(sides.takenDst).toBe(sides.fallDst);
  });

  it('gives equal registers what either knew', () => {
    const a = range(4n, 20n);
    const b = range(10n, 200n);
    const jeq = refineBranch(uapi.BPF_JEQ, 64, a, b);
    expect(formatBounds(jeq.takenDst)).toBe(',umin_value=10,umax_value=20,var_off=(0x0; 0x1f)');
    expect(formatBounds(jeq.takenSrc)).toBe(formatBounds(jeq.takenDst));
    expect([jeq.fallDst, jeq.fallSrc]).toEqual([a, b]);
    const jne = refineBranch(uapi.BPF_JNE, 64, a, b);
    expect(formatBounds(jne.fallSrc)).toBe(',umin_value=10,umax_value=20,var_off=(0x0; 0x1f)');
    expect(jne.takenDst).toBe(a);
  });

  it('learns nothing from other comparisons of two unknowns', () => {
    const a = range(4n, 20n);
    for (const [op, width] of [
      [uapi.BPF_JGT, 64],
      [uapi.BPF_JEQ, 32],
    ] as [number, Width][]) {
      const s = refineBranch(op, width, a, U8);
      expect([s.takenDst, s.takenSrc, s.fallDst, s.fallSrc].map((x) => x === a || x === U8)).not.toContain(false);
    }
  });

  it('returns the same object where nothing was learnt', () => {
    expect(refineBranch(uapi.BPF_JEQ, 64, U8, knownImm(7)).fallDst).toBe(U8);
    expect(refineBranch(uapi.BPF_JGT, 64, UNKNOWN, knownImm(0)).takenSrc).toBe(knownImm(0));
  });
});
