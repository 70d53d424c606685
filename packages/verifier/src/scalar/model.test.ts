// SPDX-License-Identifier: MIT
// The rules of v5.6 once more, with plain bigints and no shortcuts, and every operation compared with them: on operands
// that are consistent or not, alone and in chains.
import * as uapi from '@tsbpf/uapi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bounds } from './index.ts';
import {
  addPtrOffset,
  branchTaken,
  isInconsistent,
  known,
  makeBounds,
  normalise,
  refineBranch,
  scalarAlu,
  subPtrOffset,
  syncPtrOffset,
  truncate,
} from './index.ts';

interface Model {
  value: bigint;
  mask: bigint;
  smin: bigint;
  smax: bigint;
  umin: bigint;
  umax: bigint;
}

const U64 = (1n << 64n) - 1n;
const U32 = (1n << 32n) - 1n;
const S_MIN = -(1n << 63n);
const S_MAX = (1n << 63n) - 1n;
const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const s64 = (x: bigint): bigint => BigInt.asIntN(64, x);
const s32 = (x: bigint): bigint => BigInt.asIntN(32, x);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const unknown = (): Model => ({ value: 0n, mask: U64, smin: S_MIN, smax: S_MAX, umin: 0n, umax: U64 });
const knownModel = (x: bigint): Model => ({ value: x, mask: 0n, smin: s64(x), smax: s64(x), umin: x, umax: x });
const plain = ({ value, mask, smin, smax, umin, umax }: Bounds): Model => ({ value, mask, smin, smax, umin, umax });

type Tn = Pick<Model, 'value' | 'mask'>;
const tAdd = (a: Tn, b: Tn): Tn => {
  const sv = u64(a.value + b.value);
  const mu = (u64(a.mask + b.mask + sv) ^ sv) | a.mask | b.mask;
  return { value: sv & ~mu, mask: mu };
};
const tSub = (a: Tn, b: Tn): Tn => {
  const dv = u64(a.value - b.value);
  const mu = (u64(dv + a.mask) ^ u64(dv - b.mask)) | a.mask | b.mask;
  return { value: dv & ~mu, mask: mu };
};
const tAnd = (a: Tn, b: Tn): Tn => {
  const v = a.value & b.value;
  return { value: v, mask: (a.value | a.mask) & (b.value | b.mask) & ~v };
};
const tOr = (a: Tn, b: Tn): Tn => {
  const v = a.value | b.value;
  return { value: v, mask: (a.mask | b.mask) & ~v };
};
const tIntersect = (a: Tn, b: Tn): Tn => {
  const mu = a.mask & b.mask;
  return { value: (a.value | b.value) & ~mu, mask: mu };
};
const tRange = (lo: bigint, hi: bigint): Tn => {
  let n = 0n;
  while ((lo ^ hi) >> n) n++;
  if (n > 63n) return { value: 0n, mask: U64 };
  const d = (1n << n) - 1n;
  return { value: lo & ~d, mask: d };
};
const tMul = (a: Tn, b: Tn): Tn => {
  let acc: Tn = { value: u64(a.value * b.value), mask: 0n };
  const hma = (value: bigint, bits: bigint): void => {
    for (let i = 0n; i < 64n; i++) if ((bits >> i) & 1n) acc = tAdd(acc, { value: 0n, mask: u64(value << i) });
  };
  hma(b.mask | b.value, a.mask);
  hma(a.value, b.mask);
  return acc;
};

function modelU(m: Model): Model {
  const sign = 1n << 63n;
  return {
    ...m,
    smin: max(m.smin, s64(m.value | (m.mask & sign))),
    smax: min(m.smax, s64(m.value | (m.mask & S_MAX))),
    umin: max(m.umin, m.value),
    umax: min(m.umax, m.value | m.mask),
  };
}
function modelD(m: Model): Model {
  const lo = max(u64(m.smin), m.umin);
  const hi = min(u64(m.smax), m.umax);
  if (m.smin >= 0n || m.smax < 0n) return { ...m, smin: s64(lo), umin: lo, smax: s64(hi), umax: hi };
  if (s64(m.umax) >= 0n) return { ...m, smin: s64(m.umin), smax: s64(hi), umax: hi };
  if (s64(m.umin) < 0n) return { ...m, smin: s64(lo), umin: lo, smax: s64(m.umax) };
  return m;
}
const modelB = (m: Model): Model => ({ ...m, ...tIntersect(m, tRange(m.umin, m.umax)) });
function modelTrunc(m: Model, size: number): Model {
  const keep = (1n << BigInt(size * 8)) - 1n;
  const same = (m.umin & ~keep) === (m.umax & ~keep);
  const umin = same ? m.umin & keep : 0n;
  const umax = same ? m.umax & keep : keep;
  return { value: m.value & keep, mask: m.mask & keep, umin, umax, smin: umin, smax: umax };
}
const wide = (m: Model): Model => ({ ...m, smin: S_MIN, smax: S_MAX, umin: 0n, umax: U64 });
const contradicts = (m: Model): boolean =>
  (m.mask === 0n && (m.smin !== m.smax || m.umin !== m.umax)) || m.smin > m.smax || m.umin > m.umax;

function sum(d: Model, s: Model): Model {
  const r = { ...d, ...tAdd(d, s) };
  [r.smin, r.smax] = [d.smin + s.smin, d.smax + s.smax];
  if (s64(r.smin) !== r.smin || s64(r.smax) !== r.smax) [r.smin, r.smax] = [S_MIN, S_MAX];
  [r.umin, r.umax] = [d.umin + s.umin, d.umax + s.umax];
  if (r.umin > U64 || r.umax > U64) [r.umin, r.umax] = [0n, U64];
  return r;
}
function difference(d: Model, s: Model): Model {
  const r = { ...d, ...tSub(d, s) };
  [r.smin, r.smax] = [d.smin - s.smax, d.smax - s.smin];
  if (s64(r.smin) !== r.smin || s64(r.smax) !== r.smax) [r.smin, r.smax] = [S_MIN, S_MAX];
  if (d.umin < s.umax) [r.umin, r.umax] = [0n, U64];
  else [r.umin, r.umax] = [d.umin - s.umax, u64(d.umax - s.umin)];
  return r;
}

function modelAlu(op: number, width: 32 | 64, dst: Model, src: Model): Model {
  let d = width === 32 ? modelTrunc(dst, 4) : dst;
  const s = width === 32 ? modelTrunc(src, 4) : src;
  if (contradicts(s)) return unknown();
  if (s.mask !== 0n && op !== uapi.BPF_ADD && op !== uapi.BPF_SUB && op !== uapi.BPF_AND) return unknown();
  const signsFromU = (r: Model): Model =>
    d.smin < 0n || s.smin < 0n ? { ...r, smin: S_MIN, smax: S_MAX } : { ...r, smin: s64(r.umin), smax: s64(r.umax) };
  const k = s.umin;
  const tooFar = s.umax >= BigInt(width);
  switch (op) {
    case uapi.BPF_ADD:
      d = sum(d, s);
      break;
    case uapi.BPF_SUB:
      d = difference(d, s);
      break;
    case uapi.BPF_MUL: {
      const t = { ...d, ...tMul(d, s) };
      if (s.smin < 0n || d.smin < 0n || s.umax > U32 || d.umax > U32) {
        d = modelU(wide(t));
      } else {
        const umax = d.umax * s.umax;
        const umin = u64(d.umin * s.umin);
        d = { ...t, umin, umax, smin: umax > S_MAX ? S_MIN : s64(umin), smax: umax > S_MAX ? S_MAX : umax };
      }
      break;
    }
    case uapi.BPF_AND: {
      if (d.mask === 0n && s.mask === 0n) {
        d = knownModel(d.value & s.value);
        break;
      }
      const t = tAnd(d, s);
      d = modelU(signsFromU({ ...d, ...t, umin: t.value, umax: min(d.umax, s.umax) }));
      break;
    }
    case uapi.BPF_OR: {
      if (d.mask === 0n && s.mask === 0n) {
        d = knownModel(d.value | s.value);
        break;
      }
      const t = tOr(d, s);
      d = modelU(signsFromU({ ...d, ...t, umin: max(d.umin, s.umin), umax: t.value | t.mask }));
      break;
    }
    case uapi.BPF_LSH: {
      if (tooFar) {
        d = unknown();
        break;
      }
      const lost = d.umax > 1n << (63n - k);
      d = modelU({
        value: u64(d.value << k),
        mask: u64(d.mask << k),
        smin: S_MIN,
        smax: S_MAX,
        umin: lost ? 0n : u64(d.umin << k),
        umax: lost ? U64 : d.umax << k,
      });
      break;
    }
    case uapi.BPF_RSH:
      if (tooFar) d = unknown();
      else {
        const [value, mask] = [d.value >> k, d.mask >> k];
        d = modelU({ value, mask, smin: S_MIN, smax: S_MAX, umin: d.umin >> k, umax: d.umax >> k });
      }
      break;
    case uapi.BPF_ARSH:
      if (tooFar) d = unknown();
      else {
        const shift = width === 32 ? (x: bigint): bigint => (s32(x) >> k) & U32 : (x: bigint): bigint => s64(x) >> k;
        const [value, mask] = [u64(shift(d.value)), u64(shift(d.mask))];
        d = modelU({ value, mask, smin: shift(d.smin), smax: shift(d.smax), umin: 0n, umax: U64 });
      }
      break;
    default:
      d = unknown();
  }
  if (width === 32) d = modelTrunc(d, 4);
  return modelB(modelD(d));
}

function modelTaken(op: number, width: 32 | 64, dst: Model, src: Model): boolean | undefined {
  if (src.mask !== 0n) return undefined;
  let d = dst;
  let val = src.value;
  let sval = s64(val);
  if (width === 32) {
    d = modelTrunc(d, 4);
    if ((d.umin ^ d.umax) & (1n << 31n)) d = { ...d, smin: -(1n << 31n), smax: (1n << 31n) - 1n };
    d = { ...d, smin: s32(d.smin), smax: s32(d.smax) };
    val &= U32;
    sval = s32(val);
  }
  const pick = (always: boolean, never: boolean): boolean | undefined => (always ? true : never ? false : undefined);
  const { umin, umax, smin, smax } = d;
  switch (op) {
    case uapi.BPF_JEQ:
      return d.mask === 0n ? d.value === val : undefined;
    case uapi.BPF_JNE:
      return d.mask === 0n ? d.value !== val : undefined;
    case uapi.BPF_JSET:
      return pick((d.value & val) !== 0n, ((d.value | d.mask) & val) === 0n);
    case uapi.BPF_JGT:
      return pick(umin > val, umax <= val);
    case uapi.BPF_JGE:
      return pick(umin >= val, umax < val);
    case uapi.BPF_JLT:
      return pick(umax < val, umin >= val);
    case uapi.BPF_JLE:
      return pick(umax <= val, umin > val);
    case uapi.BPF_JSGT:
      return pick(smin > sval, smax < sval);
    case uapi.BPF_JSGE:
      return pick(smin >= sval, smax < sval);
    case uapi.BPF_JSLT:
      return pick(smax < sval, smin >= sval);
    case uapi.BPF_JSLE:
      return pick(smax <= sval, smin > sval);
    default:
      return undefined;
  }
}

type Pair = { taken: Model; fall: Model };

function modelCompare(op: number, width: 32 | 64, b: Model, value: bigint): Pair {
  const val = width === 32 ? value & U32 : value;
  const sval = width === 32 ? s32(val) : s64(val);
  let taken = { ...b };
  let fall = { ...b };
  const high = U64 ^ U32;
  const lowest = width === 32 ? b.value & high : 0n;
  const highest = width === 32 ? (b.value | b.mask) & high : 0n;
  const pin = (m: Model): Model =>
    width === 32 ? { ...m, value: (m.value & high) | val, mask: m.mask & high } : knownModel(val);
  const from = (m: Model, x: bigint): Model => ({ ...m, umin: max(m.umin, u64(u64(x) + lowest)) });
  const upTo = (m: Model, x: bigint): Model => ({ ...m, umax: min(m.umax, u64(u64(x) + highest)) });
  const sFrom = (m: Model, x: bigint): Model => ({ ...m, smin: max(m.smin, s64(x)) });
  const sUpTo = (m: Model, x: bigint): Model => ({ ...m, smax: min(m.smax, s64(x)) });
  const signed32 =
    (sval >= 0n && b.smin >= 0n && b.smax <= S32_MAX) || (sval < 0n && b.smax <= 0n && b.smin >= -S32_MAX - 1n);
  const signedUseful = width === 64 || signed32;
  switch (op) {
    case uapi.BPF_JEQ:
      taken = pin(taken);
      break;
    case uapi.BPF_JNE:
      fall = pin(fall);
      break;
    case uapi.BPF_JSET:
      fall = { ...fall, ...tAnd(fall, { value: u64(~val), mask: 0n }) };
      if (val !== 0n && (val & (val - 1n)) === 0n) taken = { ...taken, ...tOr(taken, { value: val, mask: 0n }) };
      break;
    case uapi.BPF_JGT:
      [taken, fall] = [from(taken, val + 1n), upTo(fall, val)];
      break;
    case uapi.BPF_JGE:
      [taken, fall] = [from(taken, val), upTo(fall, val - 1n)];
      break;
    case uapi.BPF_JLT:
      [taken, fall] = [upTo(taken, val - 1n), from(fall, val)];
      break;
    case uapi.BPF_JLE:
      [taken, fall] = [upTo(taken, val), from(fall, val + 1n)];
      break;
    case uapi.BPF_JSGT:
      if (signedUseful) [taken, fall] = [sFrom(taken, sval + 1n), sUpTo(fall, sval)];
      break;
    case uapi.BPF_JSGE:
      if (signedUseful) [taken, fall] = [sFrom(taken, sval), sUpTo(fall, sval - 1n)];
      break;
    case uapi.BPF_JSLT:
      if (signedUseful) [taken, fall] = [sUpTo(taken, sval - 1n), sFrom(fall, sval)];
      break;
    case uapi.BPF_JSLE:
      if (signedUseful) [taken, fall] = [sUpTo(taken, sval), sFrom(fall, sval + 1n)];
      break;
  }
  const end = (m: Model): Model => modelU(modelB(modelD(m)));
  return { taken: end(taken), fall: end(fall) };
}

const S32_MAX = (1n << 31n) - 1n;
const MIRROR = new Map<number, number>([
  [uapi.BPF_JGT, uapi.BPF_JLT],
  [uapi.BPF_JLT, uapi.BPF_JGT],
  [uapi.BPF_JGE, uapi.BPF_JLE],
  [uapi.BPF_JLE, uapi.BPF_JGE],
  [uapi.BPF_JSGT, uapi.BPF_JSLT],
  [uapi.BPF_JSLT, uapi.BPF_JSGT],
  [uapi.BPF_JSGE, uapi.BPF_JSLE],
  [uapi.BPF_JSLE, uapi.BPF_JSGE],
]);

function modelRefine(op: number, width: 32 | 64, dst: Model, src: Model): [Model, Model, Model, Model] {
  const comparable = (m: Model): boolean => (width === 32 ? (m.mask & U32) === 0n : m.mask === 0n);
  if (comparable(src)) {
    const { taken, fall } = modelCompare(op, width, dst, src.value);
    return [taken, src, fall, src];
  }
  if (comparable(dst)) {
    const { taken, fall } = modelCompare(MIRROR.get(op) ?? op, width, src, dst.value);
    return [dst, taken, dst, fall];
  }
  if (width === 64 && (op === uapi.BPF_JEQ || op === uapi.BPF_JNE)) {
    let m: Model = {
      umin: max(dst.umin, src.umin),
      umax: min(dst.umax, src.umax),
      smin: max(dst.smin, src.smin),
      smax: min(dst.smax, src.smax),
      ...tIntersect(dst, src),
    };
    m = modelU(modelB(modelD(modelU(m))));
    return op === uapi.BPF_JEQ ? [m, m, dst, src] : [dst, src, m, m];
  }
  return [dst, src, dst, src];
}

const ALU_OPS = [
  uapi.BPF_ADD,
  uapi.BPF_SUB,
  uapi.BPF_MUL,
  uapi.BPF_DIV,
  uapi.BPF_OR,
  uapi.BPF_AND,
  uapi.BPF_LSH,
  uapi.BPF_RSH,
  uapi.BPF_MOD,
  uapi.BPF_XOR,
  uapi.BPF_ARSH,
];
const JUMP_OPS = [
  uapi.BPF_JEQ,
  uapi.BPF_JGT,
  uapi.BPF_JGE,
  uapi.BPF_JSET,
  uapi.BPF_JNE,
  uapi.BPF_JSGT,
  uapi.BPF_JSGE,
  uapi.BPF_JLT,
  uapi.BPF_JLE,
  uapi.BPF_JSLT,
  uapi.BPF_JSLE,
];

/** Words near the places where arithmetic turns: 0, powers of two, the sign bits, all ones. */
const word = fc.oneof(
  fc.bigInt({ min: 0n, max: 80n }),
  fc
    .tuple(fc.integer({ min: 0, max: 63 }), fc.bigInt({ min: -3n, max: 3n }))
    .map(([k, e]) => u64((1n << BigInt(k)) + e)),
  fc.bigInt({ min: -80n, max: -1n }).map(u64),
  fc.bigInt({ min: 0n, max: U64 }),
);
const exact = word.map(known);
const unrelated = fc
  .tuple(word, word, word, word, word, word)
  .map(([value, mask, a, b, c, d]) => makeBounds({ value, mask, smin: s64(a), smax: s64(b), umin: c, umax: d }));
const urange = fc.tuple(word, word).map(([a, b]) => {
  const b0 = makeBounds({ umin: min(a, b), umax: max(a, b) });
  return normalise(b0, 'D', 'B', 'U');
});
const srange = fc.tuple(word, word).map(([a, b]) => {
  const b0 = makeBounds({ smin: min(s64(a), s64(b)), smax: max(s64(a), s64(b)) });
  return normalise(b0, 'D', 'B', 'U');
});
const bits = fc.tuple(word, word).map(([value, mask]) => normalise(makeBounds({ value, mask }), 'U', 'D', 'B'));
const bounds = fc.oneof(exact, urange, srange, bits, unrelated, fc.constant(makeBounds({})));
const width = fc.constantFrom(32 as const, 64 as const);
const RUNS = { numRuns: 6000 };

describe('against the model', () => {
  it('normalises and truncates', () => {
    fc.assert(
      fc.property(bounds, fc.constantFrom(1 as const, 2 as const, 4 as const), (b, size) => {
        expect(plain(normalise(b, 'U'))).toEqual(modelU(plain(b)));
        expect(plain(normalise(b, 'D'))).toEqual(modelD(plain(b)));
        expect(plain(normalise(b, 'B'))).toEqual(modelB(plain(b)));
        expect(plain(truncate(b, size))).toEqual(modelTrunc(plain(b), size));
        expect(isInconsistent(b)).toBe(contradicts(plain(b)));
      }),
      RUNS,
    );
  });

  for (const op of ALU_OPS) {
    it(`ALU operation 0x${op.toString(16)}`, () => {
      const smallShift = fc.bigInt({ min: 0n, max: 66n }).map(known);
      fc.assert(
        fc.property(width, bounds, fc.oneof(bounds, exact, smallShift), (w, dst, src) => {
          expect(plain(scalarAlu(op, w, dst, src))).toEqual(modelAlu(op, w, plain(dst), plain(src)));
        }),
        RUNS,
      );
    });
  }

  for (const op of JUMP_OPS) {
    it(`jump 0x${op.toString(16)}`, () => {
      fc.assert(
        fc.property(width, bounds, fc.oneof(bounds, exact), (w, dst, src) => {
          expect(branchTaken(op, w, dst, src)).toBe(modelTaken(op, w, plain(dst), plain(src)));
          const got = refineBranch(op, w, dst, src);
          const [takenDst, takenSrc, fallDst, fallSrc] = modelRefine(op, w, plain(dst), plain(src));
          expect(plain(got.takenDst)).toEqual(takenDst);
          expect(plain(got.takenSrc)).toEqual(takenSrc);
          expect(plain(got.fallDst)).toEqual(fallDst);
          expect(plain(got.fallSrc)).toEqual(fallSrc);
        }),
        RUNS,
      );
    });
  }

  it('offsets of pointers', () => {
    const sync = (m: Model): Model => modelB(modelD(modelU(m)));
    fc.assert(
      fc.property(bounds, bounds, (ptr, off) => {
        const added = addPtrOffset(ptr, off);
        expect(plain(added)).toEqual(sum(plain(ptr), plain(off)));
        expect(plain(syncPtrOffset(added))).toEqual(sync(plain(added)));
        const subtracted = subPtrOffset(ptr, off);
        expect(plain(subtracted)).toEqual(difference(plain(ptr), plain(off)));
        expect(plain(syncPtrOffset(subtracted))).toEqual(sync(plain(subtracted)));
      }),
      RUNS,
    );
  });

  it('chains of operations and jumps', () => {
    const step = fc.tuple(fc.boolean(), fc.constantFrom(...ALU_OPS), fc.constantFrom(...JUMP_OPS), width, bounds);
    fc.assert(
      fc.property(bounds, fc.array(step, { maxLength: 12 }), fc.nat(0xfff), (start, steps, directions) => {
        let real = start;
        let model = plain(start);
        steps.forEach(([isJump, alu, jump, w, operand], i) => {
          if (isJump) {
            const sides = refineBranch(jump, w, real, operand);
            const modelled = modelRefine(jump, w, model, plain(operand));
            const taken = (directions >> i) & 1;
            real = taken ? sides.takenDst : sides.fallDst;
            model = taken ? modelled[0] : modelled[2];
          } else {
            real = scalarAlu(alu, w, real, operand);
            model = modelAlu(alu, w, model, plain(operand));
          }
          expect(plain(real)).toEqual(model);
          const { value, mask, smin, smax, umin, umax } = model;
          const one = mask === 0n && smin === s64(value) && smax === smin && umin === value && umax === value;
          expect(real.exact).toBe(one);
        });
      }),
      { numRuns: 4000 },
    );
  });
});
