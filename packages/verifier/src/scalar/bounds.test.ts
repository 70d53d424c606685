// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { Bounds } from './index.ts';
import {
  UNKNOWN,
  ZERO,
  boundsWithin,
  formatBounds,
  formatKnown,
  isInconsistent,
  known,
  knownImm,
  knownImm32,
  makeBounds,
  normalise,
  rangeWithin,
  sameBounds,
  truncate,
  unknownOfSize,
} from './index.ts';

const six = (b: Bounds): bigint[] => [b.value, b.mask, b.smin, b.smax, b.umin, b.umax];
const U64 = (1n << 64n) - 1n;
const S_MIN = -(1n << 63n);
const S_MAX = (1n << 63n) - 1n;
import { resultUpTo } from './bounds.ts';

describe('known and unknown', () => {
  it('constants agree in all parts', () => {
    expect(six(known(-1n))).toEqual([U64, 0n, -1n, -1n, U64, U64]);
    expect(six(knownImm(-1))).toEqual(six(known(U64)));
    expect(six(knownImm32(-1))).toEqual([0xffff_ffffn, 0n, 0xffff_ffffn, 0xffff_ffffn, 0xffff_ffffn, 0xffff_ffffn]);
    expect(known(1n << 63n).exact).toBe(true);
    expect(six(UNKNOWN)).toEqual([0n, U64, S_MIN, S_MAX, 0n, U64]);
    expect(UNKNOWN.exact).toBe(false);
  });

  it('shares small constants and what knows nothing', () => {
    expect(known(7n)).toBe(knownImm(7));
    expect(known(U64)).toBe(knownImm(-1));
    expect(known(0n)).toBe(ZERO);
    expect(known(U64 - 255n)).toBe(knownImm(-256));
    for (const edge of [-257, -256, 1024, 1025]) expect(knownImm(edge).smin).toBe(BigInt(edge));
    expect(makeBounds({})).toBe(UNKNOWN);
    expect(makeBounds({ value: 7n, smin: 7n, smax: 7n, umin: 7n, umax: 7n })).toBe(knownImm(7));
  });

  it('gives numbers that keep their order', () => {
    expect([knownImm(-5).sminNumber, knownImm(-5).smaxNumber]).toEqual([-5, -5]);
    expect(known((1n << 53n) - 1n).umaxNumber).toBe(2 ** 53 - 1);
    expect([UNKNOWN.uminNumber, UNKNOWN.umaxNumber, UNKNOWN.sminNumber]).toEqual([0, 2 ** 64, -(2 ** 63)]);
  });
});

describe('truncate', () => {
  it.each([
    ['the unknown', UNKNOWN, 1, [0n, 0xffn, 0n, 0xffn, 0n, 0xffn]],
    ['a constant', known(0x1_2345_6789n), 2, [0x6789n, 0n, 0x6789n, 0x6789n, 0x6789n, 0x6789n]],
    [
      'a range with equal upper bits',
      makeBounds({ umin: 0x1_0000_0003n, umax: 0x1_0000_0009n }),
      4,
      [0n, 0xffff_ffffn, 3n, 9n, 3n, 9n],
    ],
    [
      'a range across them',
      makeBounds({ umin: 0xffff_ffffn, umax: 0x1_0000_0000n }),
      4,
      [0n, 0xffff_ffffn, 0n, 0xffff_ffffn, 0n, 0xffff_ffffn],
    ],
    [
      'a byte of a range within a byte',
      makeBounds({ umin: 0x102n, umax: 0x1f0n }),
      1,
      [0n, 0xffn, 2n, 0xf0n, 2n, 0xf0n],
    ],
  ] as [string, Bounds, 1 | 2 | 4, bigint[]][])('%s', (_name, b, size, expected) => {
    expect(six(truncate(b, size))).toEqual(expected);
  });

  it('returns the same object where nothing is cut', () => {
    for (const b of [ZERO, unknownOfSize(1), unknownOfSize(4), knownImm32(-1)]) expect(truncate(b, 4)).toBe(b);
    expect(truncate(UNKNOWN, 8)).toBe(UNKNOWN);
    expect(truncate(UNKNOWN, 2)).toBe(unknownOfSize(2));
  });
});

describe('normalise', () => {
  it('U: bounds from bits', () => {
    expect(six(normalise(makeBounds({ value: 4n, mask: 3n }), 'U'))).toEqual([4n, 3n, 4n, 7n, 4n, 7n]);
    const sign = 1n << 63n;
    expect(six(normalise(makeBounds({ value: 0n, mask: sign | 1n }), 'U'))).toEqual([
      0n,
      sign | 1n,
      S_MIN,
      1n,
      0n,
      sign | 1n,
    ]);
  });

  it('D: signed and unsigned, in its three cases', () => {
    expect(six(normalise(makeBounds({ smin: 3n, smax: 9n, umax: 7n }), 'D')).slice(2)).toEqual([3n, 7n, 3n, 7n]);
    expect(six(normalise(makeBounds({ umin: 2n, umax: 9n, smin: -5n }), 'D')).slice(2)).toEqual([2n, 9n, 2n, 9n]);
    const high = normalise(makeBounds({ umin: U64 - 3n, smin: -8n }), 'D');
    expect(six(high).slice(2)).toEqual([-4n, -1n, U64 - 3n, U64]);
  });

  it('B: bits from bounds', () => {
    expect(six(normalise(makeBounds({ umin: 0x40n, umax: 0x4fn }), 'B')).slice(0, 2)).toEqual([0x40n, 0xfn]);
  });
});

describe('isInconsistent', () => {
  it.each([
    [ZERO, false],
    [UNKNOWN, false],
    [makeBounds({ value: 1n }), true],
    [makeBounds({ value: 1n, smin: 1n, smax: 1n }), true],
    [makeBounds({ value: 1n, smin: 1n, smax: 1n, umin: 2n, umax: 2n }), false],
    [makeBounds({ smin: 1n, smax: 0n }), true],
    [makeBounds({ umin: 1n << 32n, umax: 1n }), true],
  ])('case %#', (b, expected) => {
    expect(isInconsistent(b)).toBe(expected);
  });
});

describe('pruning', () => {
  const r = (umin: bigint, umax: bigint): Bounds => normalise(makeBounds({ umin, umax }), 'D', 'B', 'U');

  it('compares ranges by all four ends', () => {
    expect(rangeWithin(r(0n, 9n), r(1n, 9n))).toBe(true);
    expect(rangeWithin(r(0n, 9n), r(1n, 10n))).toBe(false);
    expect(rangeWithin(r(1n, 9n), r(0n, 9n))).toBe(false);
    expect(rangeWithin(makeBounds({ smin: -1n }), UNKNOWN)).toBe(false);
    expect(rangeWithin(makeBounds({ smax: 1n }), UNKNOWN)).toBe(false);
    expect(rangeWithin(UNKNOWN, knownImm(-1))).toBe(true);
  });

  it('asks the bits too', () => {
    const even = makeBounds({ mask: 0xfen, umax: 0xfen, smin: 0n, smax: 0xfen });
    expect(rangeWithin(even, r(0n, 4n))).toBe(true);
    expect(boundsWithin(even, r(0n, 4n))).toBe(false);
    expect(boundsWithin(even, knownImm(4))).toBe(true);
  });

  it('equality is of all parts', () => {
    expect(sameBounds(r(3n, 9n), r(3n, 9n))).toBe(true);
    expect(sameBounds(known(1n << 40n), known(1n << 40n))).toBe(true);
    for (const part of ['smin', 'umin'] as const) expect(sameBounds(makeBounds({ [part]: 1n }), UNKNOWN)).toBe(false);
    for (const part of ['smax', 'umax'] as const) expect(sameBounds(makeBounds({ [part]: 1n }), UNKNOWN)).toBe(false);
    expect(sameBounds(makeBounds({ mask: 1n }), makeBounds({ mask: 3n }))).toBe(false);
  });
});

describe('the log', () => {
  it.each([
    [UNKNOWN, ''],
    [knownImm(0), ',imm=0'],
    [knownImm(-1), ',imm=ffffffffffffffff'],
    [unknownOfSize(1), ',umax_value=255,var_off=(0x0; 0xff)'],
    [makeBounds({ smin: -2n, smax: 32n }), ',smin_value=-2,smax_value=32'],
    [makeBounds({ smin: 0n, smax: 9n, umax: 9n, mask: 15n }), ',umax_value=9,var_off=(0x0; 0xf)'],
    [makeBounds({ umin: 9n }), ',umin_value=9'],
  ])('case %#', (b, expected) => {
    expect(formatBounds(b)).toBe(expected);
  });

  it('prints known values signed, with the fixed offset', () => {
    expect(formatKnown(known(1n << 63n))).toBe('-9223372036854775808');
    expect(formatKnown(ZERO, -8)).toBe('-8');
    expect(formatKnown(knownImm32(-1))).toBe('4294967295');
  });
});

describe('the result of a helper that returns a length or an error', () => {
  const size = makeBounds({ mask: 0x3fn, value: 0n, umin: 0n, umax: 63n, smin: 0n, smax: 63n });

  it('cannot be an error in v5.6', () => {
    expect(resultUpTo(size)).toMatchObject({ smin: 0n, smax: 63n, umax: 63n });
  });

  it('can be one since', () => {
    expect(resultUpTo(size, true)).toMatchObject({ smin: -(2n ** 63n), smax: 63n, umax: 2n ** 64n - 1n });
  });
});
