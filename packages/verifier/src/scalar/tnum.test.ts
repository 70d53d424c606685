// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tnum } from './tnum.ts';
import * as t from './tnum.ts';
import type { TnumMulRule } from './tnum-mul.ts';
import { tnumMul } from './tnum-mul.ts';

const U64 = (1n << 64n) - 1n;
const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const parts = (a: Tnum): [bigint, bigint] => [a.value, a.mask];

/** All tnums of `bits` bits, placed at bit `at`. */
function all(bits: number, at: number): Tnum[] {
  const list: Tnum[] = [];
  for (let value = 0; value < 1 << bits; value++) {
    for (let mask = 0; mask < 1 << bits; mask++) {
      if ((value & mask) === 0) list.push(t.tnum(BigInt(value) << BigInt(at), BigInt(mask) << BigInt(at)));
    }
  }
  return list;
}

/** Every value a tnum stands for. */
function members(a: Tnum): bigint[] {
  let list = [a.value];
  for (let i = 0n; i < 64n; i++) {
    if ((a.mask >> i) & 1n) list = list.flatMap((x) => [x, x | (1n << i)]);
  }
  return list;
}

const has = (a: Tnum, x: bigint): boolean => (x & ~a.mask) === a.value;

function expectSound(a: Tnum, b: Tnum, result: Tnum, op: (x: bigint, y: bigint) => bigint, name: string): void {
  if ((result.value & result.mask) !== 0n) expect.fail(`${name}: invariant`);
  for (const x of members(a)) {
    for (const y of members(b)) {
      if (!has(result, u64(op(x, y)))) {
        expect.fail(`${name} ${t.formatTnum(a)} ${t.formatTnum(b)}: ${x}, ${y} not in ${t.formatTnum(result)}`);
      }
    }
  }
}

const BINARY: [string, (a: Tnum, b: Tnum) => Tnum, (x: bigint, y: bigint) => bigint][] = [
  ['add', t.tnumAdd, (x, y) => x + y],
  ['sub', t.tnumSub, (x, y) => x - y],
  ['and', t.tnumAnd, (x, y) => x & y],
  ['or', t.tnumOr, (x, y) => x | y],
  ['xor', t.tnumXor, (x, y) => x ^ y],
  ['mul v5.6', (a, b) => tnumMul(a, b, 'v5.6'), (x, y) => x * y],
  ['mul v5.14', (a, b) => tnumMul(a, b, 'v5.14'), (x, y) => x * y],
];

describe('tnum against brute force', () => {
  for (const [name, op, concrete] of BINARY) {
    // At bit 0, across the two words, and up to the sign bit: carries are where words go wrong.
    for (const at of [0, 30, 61]) {
      it(`${name}, 3 bits at bit ${at}`, () => {
        const list = all(3, at);
        for (const a of list) for (const b of list) expectSound(a, b, op(a, b), concrete, name);
      });
    }
  }

  it.each(['add', 'sub', 'and', 'or', 'xor'])('%s is the best there is, in 3 bits', (name) => {
    const [, op, concrete] = BINARY.find(([n]) => n === name)!;
    const list = all(3, 0);
    for (const a of list) {
      for (const b of list) {
        const results = members(a).flatMap((x) => members(b).map((y) => u64(concrete(x, y))));
        const ones = results.reduce((acc, x) => acc & x);
        const best = ones ^ results.reduce((acc, x) => acc | x);
        expect(parts(op(a, b))).toEqual([ones, best]);
      }
    }
  });

  it('shifts', () => {
    for (const at of [0, 29, 60]) {
      for (const a of all(4, at)) {
        for (const k of [0, 1, 3, 30, 31, 32, 33, 63]) {
          const n = BigInt(k);
          expectSound(a, t.tnumConst(0n), t.tnumLshift(a, k), (x) => x << n, 'lshift');
          expectSound(a, t.tnumConst(0n), t.tnumRshift(a, k), (x) => x >> n, 'rshift');
          expectSound(a, t.tnumConst(0n), t.tnumArshift(a, k, 64), (x) => BigInt.asIntN(64, x) >> n, 'arshift');
          if (k > 31) continue;
          const signed32 = (x: bigint): bigint => BigInt.asUintN(32, BigInt.asIntN(32, x) >> n);
          expectSound(a, t.tnumConst(0n), t.tnumArshift(a, k, 32), signed32, 'arshift 32');
        }
      }
    }
  });

  it('casts and sub-registers', () => {
    for (const at of [6, 14, 30]) {
      for (const a of all(4, at)) {
        for (const size of [1, 2, 4, 8] as const) {
          expectSound(a, a, t.tnumCast(a, size), (x) => BigInt.asUintN(size * 8, x), 'cast');
        }
        const high = (x: bigint): bigint => (x >> 32n) << 32n;
        expectSound(a, a, t.tnumSubreg(a), (x) => BigInt.asUintN(32, x), 'subreg');
        expectSound(a, a, t.tnumClearSubreg(a), high, 'clear subreg');
        expectSound(a, a, t.tnumConstSubreg(a, -2), (x) => high(x) | 0xfffffffen, 'const subreg');
      }
    }
  });

  it('intersection keeps what both have', () => {
    const list = all(4, 30);
    for (const a of list) {
      for (const b of list) {
        const both = t.tnumIntersect(a, b);
        for (const x of members(a)) if (has(b, x)) expect(has(both, x)).toBe(true);
      }
    }
  });

  it('containment is containment of the values', () => {
    const list = all(4, 30);
    for (const a of list) {
      for (const b of list) {
        expect(t.tnumIn(a, b)).toBe(members(b).every((x) => has(a, x)));
      }
    }
  });

  it('ranges and alignment', () => {
    for (let lo = 0n; lo < 20n; lo++) {
      for (let hi = lo; hi < 20n; hi++) {
        const r = t.tnumRange(lo, hi);
        for (let x = lo; x <= hi; x++) expect(has(r, x)).toBe(true);
      }
    }
    for (const a of all(4, 0)) {
      for (const size of [1, 2, 4, 8]) {
        expect(t.tnumIsAligned(a, size)).toBe(members(a).every((x) => x % BigInt(size) === 0n));
      }
      expect(t.tnumIsAligned(a, 0)).toBe(true);
    }
  });

  it('multiplies with all 64 bits', () => {
    const any = fc.bigInt({ min: 0n, max: U64 });
    fc.assert(
      fc.property(
        any,
        any,
        any,
        any,
        any,
        any,
        fc.constantFrom<TnumMulRule>('v5.6', 'v5.14'),
        (v, m, w, n, r, s, rule) => {
          const a = t.tnum(v, m);
          const b = t.tnum(w, n);
          const x = a.value | (r & a.mask);
          const y = b.value | (s & b.mask);
          expect(has(tnumMul(a, b, rule), u64(x * y))).toBe(true);
        },
      ),
    );
  });
});

describe('tnum, exact answers', () => {
  const rows: [string, Tnum, bigint, bigint][] = [
    ['range 0..255', t.tnumRange(0n, 255n), 0n, 0xffn],
    ['range 12..44', t.tnumRange(12n, 44n), 0n, 0x3fn],
    ['range 0x80..0x81', t.tnumRange(0x80n, 0x81n), 0x80n, 1n],
    ['range of one', t.tnumRange(7n, 7n), 7n, 0n],
    ['range over the words', t.tnumRange(0xffff_ffffn, 0x1_0000_0000n), 0n, 0x1_ffff_ffffn],
    ['range of 63 bits', t.tnumRange(0n, (1n << 63n) - 1n), 0n, (1n << 63n) - 1n],
    ['range of 64 bits', t.tnumRange(0n, 1n << 63n), 0n, U64],
    ['add', t.tnumAdd(t.tnum(0n, 0xffn), t.tnumConst(14n)), 0n, 0x1ffn],
    ['sub', t.tnumSub(t.tnumConst(0n), t.tnum(0n, 1n)), 0n, U64],
    ['a contradiction becomes 1', t.tnumIntersect(t.tnumConst(1n), t.tnumConst(2n)), 3n, 0n],
    ['cast', t.tnumCast(t.tnum(0x1234n, 0xff0000n), 2), 0x1234n, 0n],
    ['arshift of the sign', t.tnumArshift(t.tnum(0n, 1n << 63n), 63, 64), 0n, U64],
    // Where the two multiplications differ; the newer one is usually, not always, the closer.
    ['mul v5.6, 1 or 3 times anything', tnumMul(t.tnum(1n, 2n), t.tnum(0n, 7n), 'v5.6'), 0n, 0x3fn],
    ['mul v5.14, 1 or 3 times anything', tnumMul(t.tnum(1n, 2n), t.tnum(0n, 7n), 'v5.14'), 0n, 0x1fn],
    ['mul v5.6, odd numbers', tnumMul(t.tnum(1n, 6n), t.tnum(1n, 6n), 'v5.6'), 1n, 0xfen],
    ['mul v5.14, odd numbers', tnumMul(t.tnum(1n, 6n), t.tnum(1n, 6n), 'v5.14'), 1n, 0x3en],
    ['mul v5.6, odd times 2 or 3', tnumMul(t.tnum(1n, 6n), t.tnum(2n, 1n), 'v5.6'), 0n, 0x1fn],
    ['mul v5.14, odd times 2 or 3', tnumMul(t.tnum(1n, 6n), t.tnum(2n, 1n), 'v5.14'), 0n, 0x3fn],
  ];
  it.each(rows)('%s', (_name, got, value, mask) => {
    expect(parts(got)).toEqual([value, mask]);
  });

  it('prints zero with its prefix', () => {
    expect(t.formatTnum(t.tnum(0n, 0xffn))).toBe('(0x0; 0xff)');
    expect(t.formatTnum(t.TNUM_UNKNOWN)).toBe('(0x0; 0xffffffffffffffff)');
    expect(t.formatTnum(t.tnum(1n << 63n, 0n))).toBe('(0x8000000000000000; 0x0)');
  });

  it('knows constants and the unknown', () => {
    expect(t.tnumIsConst(t.tnumConst(U64))).toBe(true);
    expect(t.tnumIsConst(t.tnum(0n, 1n << 40n))).toBe(false);
    expect(t.tnumIsUnknown(t.TNUM_UNKNOWN)).toBe(true);
    expect(t.tnumIsUnknown(t.tnum(0n, U64 ^ 1n))).toBe(false);
  });
});
