// SPDX-License-Identifier: MIT
import { BtfError } from '@tsbpf/uapi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixture, golden } from '../../test/files.ts';
import { formatJson } from '../dump/json.ts';
import { createBtfBuilder } from '../encode/builder.ts';
import * as K from '../kinds.ts';
import { parseBtf } from '../model/btf.ts';
import { readBits, writeBits } from './bits.ts';
import { decodeValue } from './decode.ts';
import { encodeValue } from './encode.ts';
import { formatValue } from './format.ts';
import { enumName, enumValue } from './scalar.ts';

const btf = parseBtf(fixture('values.btf'));
const val = btf.findByName('val2') ?? 0;

interface Dumped {
  key: string[];
  value: string[];
  formatted: unknown;
}

function hex(bytes: readonly string[]): Uint8Array {
  return Uint8Array.from(bytes, (b) => parseInt(b, 16));
}

describe('formatValue', () => {
  const key = btf.findByName('u32') ?? 0;
  const dumped = JSON.parse(golden('values.json')) as Dumped[];

  it('is what bpftool map dump prints', () => {
    const elements = dumped.map((e) => ({
      key: formatValue(btf, key, hex(e.key), { plain: true }),
      value: formatValue(btf, val, hex(e.value), { plain: true }),
    }));
    expect(`${formatJson(elements, { pretty: true })}\n`).toBe(golden('values.txt'));
  });

  it('is what bpftool -j map dump prints', () => {
    const elements = dumped.map((e) => ({
      key: e.key,
      value: e.value,
      formatted: { key: formatValue(btf, key, hex(e.key)), value: formatValue(btf, val, hex(e.value)) },
    }));
    expect(formatJson(elements)).toBe(golden('values.json').trimEnd());
  });
});

describe('decodeValue and encodeValue', () => {
  const value = {
    a: 7,
    b: -7,
    c: 2n ** 63n,
    name: 'bash',
    bin: 'x',
    e: 5,
    e8: -56,
    bf: -2,
    ub: 77,
    bb: true,
    wide: 0x1122334455n,
    p: 0xffff_8880_0000_1000n,
    in: [
      { s: -1, c: 65, u: 255, b: true },
      { s: 2, c: -1, u: 0, b: false },
    ],
    u: { x: 0x0201, lo: 1, hi: 2 },
    anon: 9,
    arr: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    big: 5n << 70n,
    ch: 33,
  };

  it('are inverse on a struct of everything', () => {
    const bytes = encodeValue(btf, val, value);
    expect(bytes.length).toBe(btf.resolveSize(val));
    expect(decodeValue(btf, val, bytes)).toEqual(value);
  });

  it('take names of enumerators, and leave zero what is not given', () => {
    const bytes = encodeValue(btf, val, { e: 'B' });
    expect(decodeValue(btf, val, bytes)).toMatchObject({ a: 0, e: 5, name: '' });
    expect(enumName(btf, btf.findByName('e', K.BTF_KIND_ENUM) ?? 0, -3)).toBe('C');
    expect(enumValue(btf, btf.findByName('e8', K.BTF_KIND_ENUM) ?? 0, 'Y8')).toBe(200n);
  });

  it('give bytes for char arrays that are no text', () => {
    const bytes = encodeValue(btf, val, { bin: Uint8Array.of(0xff, 0xfe, 1, 2) });
    expect(decodeValue(btf, val, bytes)).toMatchObject({ bin: Uint8Array.of(0xff, 0xfe, 1, 2) });
    expect(decodeValue(btf, val, bytes, { charArrays: 'bytes' })).toMatchObject({ name: new Uint8Array(8) });
  });

  it.each([
    [{ a: -1 }, /a: -1 does not fit 32 bits/],
    [{ bf: 4 }, /bf: 4 does not fit 3 bits/],
    [{ nope: 1 }, /no member "nope"/],
    [{ in: [{ s: 1 }, { s: 2 }, { s: 3 }] }, /in: 3 elements do not fit 2/],
    [{ in: [{}, { s: 70000 }] }, /in\[1\]\.s: 70000/],
    [{ name: 'much too long' }, /name: 13 bytes do not fit 8/],
    [{ e: 'Z' }, /e: enum e has no Z/],
    [{ a: 1.5 }, /1\.5 is not an integer/],
    [{ bb: 2 }, /bb: 2 does not fit 1 bits|not a boolean/],
    [5, /5 is not an object/],
  ])('refuse %j', (wrong, message) => {
    expect(() => encodeValue(btf, val, wrong as never)).toThrow(message);
    expect(() => encodeValue(btf, val, wrong as never)).toThrow(BtfError);
  });

  it('refuse too few bytes and types without values', () => {
    expect(() => decodeValue(btf, val, new Uint8Array(3))).toThrow(/needs \d+ bytes, there are 3/);
    expect(() => decodeValue(btf, 0, new Uint8Array(3))).toThrow(BtfError);
  });

  it('read big-endian integers and bitfields', () => {
    const b = createBtfBuilder({ littleEndian: false });
    const int = b.int('unsigned int', 4);
    const s = b.struct('s', 8, [
      { name: 'hi', typeId: int, bitOffset: 0, bitSize: 4 },
      { name: 'lo', typeId: int, bitOffset: 4, bitSize: 12 },
      { name: 'n', typeId: int, bitOffset: 32 },
    ]);
    const bytes = Uint8Array.of(0xab, 0xcd, 0, 0, 0, 0, 1, 2);
    expect(decodeValue(b.build(), s, bytes)).toEqual({ hi: 0xa, lo: 0xbcd, n: 0x102 });
    expect(encodeValue(b.build(), s, { hi: 0xa, lo: 0xbcd, n: 0x102 })).toEqual(bytes);
  });

  it('end on arrays of nothing', () => {
    const b = createBtfBuilder();
    const int = b.int('int', 4);
    const empty = b.struct('e', 0, []);
    const arr = b.array(empty, int, 0xffffffff);
    expect(() => decodeValue(b.build(), arr, new Uint8Array(0))).toThrow(/too many parts/);
  });
});

describe('bits', () => {
  it('come back from where they were put, and nothing else changes', () => {
    fc.assert(
      fc.property(
        fc.nat(70),
        fc.integer({ min: 1, max: 100 }),
        fc.bigInt({ min: 0n, max: 2n ** 100n }),
        fc.boolean(),
        fc.uint8Array({ minLength: 24, maxLength: 24 }),
        (bitOff, bits, value, littleEndian, before) => {
          const bytes = new Uint8Array(before);
          const place = { bitOff, bits, littleEndian };
          writeBits(bytes, place, value);
          expect(readBits(bytes, place)).toBe(BigInt.asUintN(bits, value));
          writeBits(bytes, place, readBits(before, place));
          expect(bytes).toEqual(new Uint8Array(before));
        },
      ),
    );
  });
});
