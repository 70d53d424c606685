// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteBuffer, u32Len } from './byte-buffer.ts';

function written(write: (out: ByteBuffer) => void): number[] {
  const out = new ByteBuffer(1);
  write(out);
  return [...out.finish()];
}

/** The definition of LEB128, as slowly as it reads. */
function leb(value: bigint, signed: boolean): number[] {
  const bytes: number[] = [];
  for (;;) {
    const byte = Number(value & 0x7fn);
    value >>= 7n;
    const done = signed ? value === ((byte & 0x40) === 0 ? 0n : -1n) : value === 0n;
    bytes.push(done ? byte : byte | 0x80);
    if (done) return bytes;
  }
}

describe('LEB128', () => {
  const u32 = fc.oneof(
    fc.nat(0xffffffff),
    fc.integer({ min: 0, max: 31 }).map((bit) => 2 ** bit),
  );
  const s64 = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc
      .tuple(fc.integer({ min: 0, max: 63 }), fc.constantFrom(-1n, 0n, 1n))
      .map(([bit, by]) => BigInt.asIntN(64, (1n << BigInt(bit)) + by)),
    fc
      .tuple(fc.integer({ min: 0, max: 62 }), fc.constantFrom(-1n, 0n, 1n))
      .map(([bit, by]) => -(1n << BigInt(bit)) + by),
  );

  it('u32 is shortest, and its length is known beforehand', () => {
    fc.assert(
      fc.property(u32, (value) => {
        const bytes = written((out) => out.u32(value));
        expect(bytes).toEqual(leb(BigInt(value), false));
        expect(u32Len(value)).toBe(bytes.length);
      }),
    );
    expect(written((out) => out.u32(-1))).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
  });

  it('s32', () => {
    fc.assert(
      fc.property(u32, (value) => {
        expect(written((out) => out.s32(value))).toEqual(leb(BigInt(value | 0), true));
      }),
    );
  });

  it('s64, from a bigint and from words', () => {
    fc.assert(
      fc.property(s64, (value) => {
        const bytes = leb(value, true);
        expect(written((out) => out.s64(value))).toEqual(bytes);
        expect(written((out) => out.s64(BigInt.asUintN(64, value)))).toEqual(bytes);
        const [lo, hi] = [Number(value & 0xffffffffn), Number((value >> 32n) & 0xffffffffn)];
        expect(written((out) => out.s64Words(lo, hi))).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('names are UTF-8 with their length in bytes', () => {
    expect(written((out) => out.name('é'))).toEqual([2, 0xc3, 0xa9]);
  });
});
