// SPDX-License-Identifier: MIT
// Soundness by brute force: abstract two small sets of values, run the operation on the abstractions, and find every
// concrete result inside. The sets stand where arithmetic turns: at 0, at the ends of 32 and of 64 bits, signed and not.
//
// The unsound rules of v5.6, each kept because verdicts depend on it:
// - resultUpTo (helpers that return a length or a negative error): R0 counts as not negative. Tested below.
// Nothing else in this domain is unsound; what v5.6 gets wrong elsewhere is imprecision (results wider than they need
// be), and the 32-bit bounds step of 5.6.0 that was unsound (CVE-2020-8835) is gone since 5.6.1 and is not here.
import * as uapi from '@tsbpf/uapi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bounds, Width } from './index.ts';
import {
  UNKNOWN,
  addPtrOffset,
  branchTaken,
  known,
  makeBounds,
  normalise,
  refineBranch,
  resultUpTo,
  scalarAlu,
  subPtrOffset,
  syncPtrOffset,
  truncate,
} from './index.ts';

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const s64 = (x: bigint): bigint => BigInt.asIntN(64, x);
const s32 = (x: bigint): bigint => BigInt.asIntN(32, x);
const least = (xs: bigint[]): bigint => xs.reduce((a, b) => (a < b ? a : b));
const greatest = (xs: bigint[]): bigint => xs.reduce((a, b) => (a > b ? a : b));

function contains(b: Bounds, x: bigint): boolean {
  const s = s64(x);
  return (x & ~b.mask) === b.value && b.umin <= x && x <= b.umax && b.smin <= s && s <= b.smax;
}

/** The closest bounds of a set. */
function abstract(values: bigint[]): Bounds {
  const ones = values.reduce((a, b) => a & b);
  return makeBounds({
    value: ones,
    mask: ones ^ values.reduce((a, b) => a | b),
    umin: least(values),
    umax: greatest(values),
    smin: least(values.map(s64)),
    smax: greatest(values.map(s64)),
  });
}

const CENTRES = [0n, 1n << 31n, 1n << 32n, 1n << 63n, (1n << 32n) + (1n << 31n), 5n << 32n, 1n << 16n];
const near = fc.tuple(fc.constantFrom(...CENTRES), fc.bigInt({ min: -6n, max: 6n })).map(([c, d]) => u64(c + d));
const set = fc.oneof(
  fc.array(near, { minLength: 1, maxLength: 5 }),
  fc
    .tuple(near, fc.array(fc.bigInt({ min: 0n, max: 15n }), { minLength: 1, maxLength: 6 }))
    .map(([base, offs]) => offs.map((o) => u64(base + o))),
  fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 1, maxLength: 4 }),
);

/** The closest bounds, or looser ones that hold the same set, as programs make them. */
const abstracted = fc.tuple(set, fc.constantFrom('best', 'range', 'signed', 'bits', 'unknown')).map(([values, how]) => {
  const best = abstract(values);
  const loose: Record<string, Bounds> = {
    best,
    range: normalise(makeBounds({ umin: best.umin, umax: best.umax }), 'D', 'B', 'U'),
    signed: normalise(makeBounds({ smin: best.smin, smax: best.smax }), 'D', 'B', 'U'),
    bits: normalise(makeBounds({ value: best.value, mask: best.mask }), 'U', 'D', 'B'),
    unknown: UNKNOWN,
  };
  return { values, b: loose[how] };
});
const width = fc.constantFrom<Width>(32, 64);

const ALU: [string, number, (a: bigint, b: bigint, w: bigint) => bigint][] = [
  ['ADD', uapi.BPF_ADD, (a, b) => a + b],
  ['SUB', uapi.BPF_SUB, (a, b) => a - b],
  ['MUL', uapi.BPF_MUL, (a, b) => a * b],
  ['DIV', uapi.BPF_DIV, (a, b) => (b === 0n ? 0n : a / b)],
  ['MOD', uapi.BPF_MOD, (a, b) => (b === 0n ? a : a % b)],
  ['OR', uapi.BPF_OR, (a, b) => a | b],
  ['AND', uapi.BPF_AND, (a, b) => a & b],
  ['XOR', uapi.BPF_XOR, (a, b) => a ^ b],
  ['LSH', uapi.BPF_LSH, (a, b, w) => a << (b & (w - 1n))],
  ['RSH', uapi.BPF_RSH, (a, b, w) => a >> (b & (w - 1n))],
  ['ARSH', uapi.BPF_ARSH, (a, b, w) => BigInt.asIntN(Number(w), a) >> (b & (w - 1n))],
];

const JUMPS: [string, number, (a: bigint, b: bigint, sa: bigint, sb: bigint) => boolean][] = [
  ['JEQ', uapi.BPF_JEQ, (a, b) => a === b],
  ['JNE', uapi.BPF_JNE, (a, b) => a !== b],
  ['JSET', uapi.BPF_JSET, (a, b) => (a & b) !== 0n],
  ['JGT', uapi.BPF_JGT, (a, b) => a > b],
  ['JGE', uapi.BPF_JGE, (a, b) => a >= b],
  ['JLT', uapi.BPF_JLT, (a, b) => a < b],
  ['JLE', uapi.BPF_JLE, (a, b) => a <= b],
  ['JSGT', uapi.BPF_JSGT, (_a, _b, sa, sb) => sa > sb],
  ['JSGE', uapi.BPF_JSGE, (_a, _b, sa, sb) => sa >= sb],
  ['JSLT', uapi.BPF_JSLT, (_a, _b, sa, sb) => sa < sb],
  ['JSLE', uapi.BPF_JSLE, (_a, _b, sa, sb) => sa <= sb],
];

const RUNS = { numRuns: 3000 };
const show = (b: Bounds): string => JSON.stringify([b.value, b.mask, b.smin, b.smax, b.umin, b.umax].map(String));

describe('every concrete result lies inside', () => {
  for (const [name, op, concrete] of ALU) {
    it(name, () => {
      const shifts = fc.array(fc.bigInt({ min: 0n, max: 70n }), { minLength: 1, maxLength: 2 });
      const operand = fc.oneof(
        abstracted,
        near.map((x) => ({ values: [x], b: known(x) })),
        shifts.map((values) => ({ values, b: abstract(values) })),
      );
      fc.assert(
        fc.property(width, abstracted, operand, (w, dst, src) => {
          const result = scalarAlu(op, w, dst.b, src.b);
          for (const x of dst.values) {
            for (const y of src.values) {
              const got = BigInt.asUintN(w, concrete(BigInt.asUintN(w, x), BigInt.asUintN(w, y), BigInt(w)));
              if (!contains(result, got)) expect.fail(`${name}${w}: ${x}, ${y} gave ${got}, not in ${show(result)}`);
            }
          }
        }),
        RUNS,
      );
    });
  }

  for (const [name, op, concrete] of JUMPS) {
    it(name, () => {
      const operand = fc.oneof(
        abstracted,
        near.map((x) => ({ values: [x], b: known(x) })),
      );
      fc.assert(
        fc.property(width, abstracted, operand, (w, dst, src) => {
          const verdict = branchTaken(op, w, dst.b, src.b);
          const sides = refineBranch(op, w, dst.b, src.b);
          const signed = w === 32 ? s32 : s64;
          for (const x of dst.values) {
            for (const y of src.values) {
              const taken = concrete(BigInt.asUintN(w, x), BigInt.asUintN(w, y), signed(x), signed(y));
              if (verdict !== undefined && verdict !== taken) expect.fail(`${name}${w}: ${x}, ${y} goes ${taken}`);
              const [d, s] = taken ? [sides.takenDst, sides.takenSrc] : [sides.fallDst, sides.fallSrc];
              if (!contains(d, x)) expect.fail(`${name}${w} ${taken}: ${x} (with ${y}) not in ${show(d)}`);
              if (!contains(s, y)) expect.fail(`${name}${w} ${taken}: ${y} (with ${x}) not in ${show(s)}`);
            }
          }
        }),
        RUNS,
      );
    });
  }

  it('truncation and normalisation', () => {
    fc.assert(
      fc.property(abstracted, ({ values, b }) => {
        for (const x of values) {
          for (const size of [1, 2, 4] as const)
            expect(contains(truncate(b, size), BigInt.asUintN(size * 8, x))).toBe(true);
          expect(contains(normalise(b, 'U', 'D', 'B', 'U'), x)).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('offsets of pointers', () => {
    fc.assert(
      fc.property(abstracted, abstracted, (ptr, off) => {
        const added = syncPtrOffset(addPtrOffset(ptr.b, off.b));
        const subtracted = syncPtrOffset(subPtrOffset(ptr.b, off.b));
        for (const x of ptr.values) {
          for (const y of off.values) {
            expect(contains(added, u64(x + y))).toBe(true);
            expect(contains(subtracted, u64(x - y))).toBe(true);
          }
        }
      }),
      RUNS,
    );
  });
});

describe('known unsound', () => {
  it('resultUpTo excludes the error codes that the helper may return', () => {
    const size = normalise(makeBounds({ umax: 64n }), 'D', 'B', 'U');
    const r0 = resultUpTo(size);
    expect(contains(r0, 64n)).toBe(true);
    expect(contains(r0, u64(-14n))).toBe(false);
    expect([r0.smin, r0.smax, r0.umin, r0.umax]).toEqual([0n, 64n, 0n, 64n]);
  });
});
