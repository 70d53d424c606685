// SPDX-License-Identifier: MIT
// The readers and writers made for one type do what the general codec of @tsbpf/btf does, or leave it to that.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BTF_INT_BOOL,
  BTF_INT_SIGNED,
  Btf,
  createBtfBuilder,
  decodeValue,
  encodeValue,
  type BtfValue,
} from '@tsbpf/btf';
import { compileReader, compileWriter, scalarReader, scalarWriter } from './value-io.ts';

function types() {
  const b = createBtfBuilder();
  const u8 = b.int('u8', 1);
  const s16 = b.int('s16', 2, { encoding: BTF_INT_SIGNED });
  const u32 = b.int('u32', 4);
  const u64 = b.int('u64', 8);
  const s64 = b.int('s64', 8, { encoding: BTF_INT_SIGNED });
  const bool = b.int('_Bool', 1, { encoding: BTF_INT_BOOL });
  const words = b.array(u32, u32, 3);
  const chars = b.array(b.int('char', 1), u32, 5);
  const inner = b.struct('inner', 8, [
    { name: 'a', typeId: s16, bitOffset: 0 },
    { name: 'b', typeId: u32, bitOffset: 32 },
  ]);
  const outer = b.struct('outer', 40, [
    { name: 'i', typeId: inner, bitOffset: 0 },
    { name: 'w', typeId: words, bitOffset: 64 },
    { name: 'c', typeId: u8, bitOffset: 160 },
    { name: 'd', typeId: u64, bitOffset: 192 },
    { name: 'e', typeId: s64, bitOffset: 256 },
  ]);
  const flat = b.struct('flat', 16, [
    { name: 'x', typeId: u32, bitOffset: 0 },
    { name: 'i', typeId: inner, bitOffset: 64 },
  ]);
  const text = b.struct('text', 8, [{ name: 't', typeId: chars, bitOffset: 0 }]);
  const ids = { u8, s16, u32, u64, s64, bool, words, inner, outer, flat, text };
  return { btf: new Btf(b.bytes()), ids };
}

const { btf, ids } = types();
const read = Object.entries(ids).filter(([name]) => name !== 'text');
const written = ['u8', 's16', 'u32', 'u64', 's64', 'inner', 'flat'] as const;

describe('readers', () => {
  it.each(read)('of %s', (_name, id) => {
    const reader = compileReader(btf, id);
    const size = btf.resolveSize(id);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: size + 3, maxLength: size + 3 }), (bytes) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        expect(reader?.(view, 3)).toEqual(decodeValue(btf, id, bytes.subarray(3)));
      }),
      { numRuns: 50 },
    );
  });

  it('leave text, bitfields and odd sizes to the general codec', () => {
    expect(compileReader(btf, ids.text)).toBeUndefined();
    expect(scalarReader({ size: 3, signed: false, bool: false, littleEndian: true })).toBeUndefined();
  });
});

describe('writers', () => {
  const someValue = fc.oneof(
    fc.integer(),
    fc.bigInt({ min: -(1n << 65n), max: 1n << 65n }),
    fc.constantFrom<unknown>(-1, 255, 256, 65535, -32768, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 0.5, NaN, 'x', true, null),
    fc.record({ a: fc.integer({ min: -5, max: 5 }), b: fc.nat() }, { requiredKeys: [] }),
    fc.record({ a: fc.nat(9), b: fc.nat(), z: fc.nat() }, { requiredKeys: [] }),
    fc.record({ x: fc.nat(), i: fc.record({ a: fc.nat(9), b: fc.nat() }) }, { requiredKeys: [] }),
  );
  it.each(written)('of %s', (name) => {
    const id = ids[name];
    const writer = compileWriter(btf, id);
    const size = btf.resolveSize(id);
    let wrote = 0;
    fc.assert(
      fc.property(someValue, (value) => {
        const bytes = new Uint8Array(size).fill(0xee);
        if (writer?.(new DataView(bytes.buffer), 0, value) !== true) return;
        wrote++;
        expect(bytes).toEqual(encodeValue(btf, id, value as BtfValue));
      }),
      { numRuns: 400 },
    );
    expect(wrote).toBeGreaterThan(5);
  });

  it('refuse what does not fit', () => {
    const view = new DataView(new ArrayBuffer(8));
    const u32 = compileWriter(btf, ids.u32);
    for (const value of [-1, 2 ** 32, 1.5, 1n, '1', undefined]) expect(u32?.(view, 0, value)).toBe(false);
    const lenient = scalarWriter({ size: 4, signed: false, bool: false, littleEndian: true, lenient: true });
    expect([-1, 2 ** 32 - 1, -(2 ** 31)].map((value) => lenient?.(view, 0, value))).toEqual([true, true, true]);
    expect([-(2 ** 31) - 1, 2 ** 32].map((value) => lenient?.(view, 0, value))).toEqual([false, false]);
    expect(compileWriter(btf, ids.bool)).toBeUndefined();
  });
});
