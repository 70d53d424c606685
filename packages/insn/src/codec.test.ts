// SPDX-License-Identifier: MIT
import { UsageError } from '@tsbpf/uapi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInsns, encodeInsns } from './codec.ts';

describe('decodeInsns', () => {
  it('reads fields with their signs', () => {
    const bytes = Uint8Array.from([0xbf, 0x16, 0xfe, 0xff, 0x00, 0x00, 0x00, 0x80]);
    expect(decodeInsns(bytes)).toEqual([{ code: 0xbf, dst: 6, src: 1, off: -2, imm: -0x8000_0000 }]);
  });

  it('reads big-endian objects, whose register nibbles are swapped too', () => {
    const bytes = Uint8Array.from([0xbf, 0x61, 0xff, 0xfe, 0x80, 0x00, 0x00, 0x01]);
    expect(decodeInsns(bytes, { endian: 'big' })).toEqual([{ code: 0xbf, dst: 6, src: 1, off: -2, imm: -0x7fff_ffff }]);
  });

  it('keeps both slots of a 64-bit load', () => {
    const bytes = Uint8Array.from([0x18, 1, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    expect(decodeInsns(bytes)).toEqual([
      { code: 0x18, dst: 1, src: 0, off: 0, imm: 255 },
      { code: 0, dst: 0, src: 0, off: 0, imm: 1 },
    ]);
  });

  it('works on a view into a larger buffer', () => {
    const bytes = new Uint8Array(24).subarray(3, 11);
    bytes.set([0x95, 0, 0, 0, 0, 0, 0, 0]);
    expect(decodeInsns(bytes)).toEqual([{ code: 0x95, dst: 0, src: 0, off: 0, imm: 0 }]);
  });

  it('refuses a length that is no multiple of 8', () => {
    expect(() => decodeInsns(new Uint8Array(12))).toThrow(UsageError);
    expect(() => decodeInsns(new Uint8Array(12))).toThrow('12 bytes');
  });
});

describe('encodeInsns', () => {
  it.each([
    { code: 256, dst: 0, src: 0, off: 0, imm: 0, bad: 'code 256' },
    { code: 0, dst: 16, src: 0, off: 0, imm: 0, bad: 'dst 16' },
    { code: 0, dst: 0, src: -1, off: 0, imm: 0, bad: 'src -1' },
    { code: 0, dst: 0, src: 0, off: 0x8000, imm: 0, bad: 'off 32768' },
    { code: 0, dst: 0, src: 0, off: 0, imm: 0xffff_ffff, bad: 'imm 4294967295' },
    { code: 0, dst: 0, src: 0, off: 0.5, imm: 0, bad: 'off 0.5' },
  ])('refuses $bad', ({ bad, ...insn }) => {
    expect(() => encodeInsns([insn])).toThrow(`instruction 0: ${bad} does not fit`);
  });

  it.each(['little', 'big'] as const)('is the inverse of decoding (%s)', (endian) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { maxLength: 20 }), (slots) => {
        const bytes = Uint8Array.from(slots.flatMap((slot) => [...slot]));
        expect(encodeInsns(decodeInsns(bytes, { endian }), { endian })).toEqual(bytes);
      }),
    );
  });
});
