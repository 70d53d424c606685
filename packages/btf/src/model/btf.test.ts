// SPDX-License-Identifier: MIT
import { BtfError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/files.ts';
import { createBtfBuilder } from '../encode/builder.ts';
import * as K from '../kinds.ts';
import { parseBtf } from './btf.ts';
import { essentialName } from './name-index.ts';

function sample(littleEndian = true): ReturnType<typeof createBtfBuilder> {
  const b = createBtfBuilder({ littleEndian });
  const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
  const ptr = b.ptr(4);
  b.typedef('int_t', b.const(int));
  b.array(int, int, 6);
  b.struct('s', 8, [
    { name: 'a', typeId: int, bitOffset: 0, bitSize: 3 },
    { name: 'p', typeId: ptr, bitOffset: 0 },
  ]);
  b.func('f', b.funcProto(0, [{ name: 'x', typeId: int }]), { linkage: K.BTF_FUNC_STATIC });
  b.struct('s___old', 4, []);
  return b;
}

describe('Btf', () => {
  for (const littleEndian of [true, false]) {
    it(`opens ${littleEndian ? 'little' : 'big'}-endian bytes and decodes types lazily`, () => {
      const btf = sample(littleEndian).build();
      expect(btf.littleEndian).toBe(littleEndian);
      expect(btf.typeCount).toBe(10);
      expect(btf.type(1)).toEqual({
        id: 1,
        kind: K.BTF_KIND_INT,
        name: 'int',
        size: 4,
        encoding: K.BTF_INT_SIGNED,
        bitOffset: 0,
        bits: 32,
      });
      expect(btf.members(6)).toEqual([
        { name: 'a', typeId: 1, bitOffset: 0, bitSize: 3 },
        { name: 'p', typeId: 2, bitOffset: 0, bitSize: 0 },
      ]);
    });
  }

  it('resolves sizes, modifiers, prototypes and linkage', () => {
    const btf = sample().build();
    expect(btf.resolveSize(5)).toBe(24);
    expect(btf.resolveSize(4)).toBe(4);
    expect(btf.resolveSize(2)).toBe(8);
    expect(btf.skipModifiers(4)).toBe(1);
    expect(btf.funcProto(8).params).toEqual([{ name: 'x', typeId: 1 }]);
    expect(btf.funcLinkage(8)).toBe(K.BTF_FUNC_STATIC);
    expect(() => btf.resolveSize(7)).toThrow(/FUNC_PROTO has no size/);
    expect(() => btf.funcProto(6)).toThrow(BtfError);
  });

  it('finds types by name, kind and essential name', () => {
    const btf = sample().build();
    expect(btf.findByName('s')).toBe(6);
    expect(btf.findByName('s', K.BTF_KIND_UNION)).toBeUndefined();
    expect(btf.findByName('nothing')).toBeUndefined();
    expect([...btf.idsByEssentialName('s')]).toEqual([6, 9]);
    for (const [name, essential] of [
      ['a___b', 'a'],
      ['a___b___c', 'a___b'],
      ['___b', '___b'],
      ['a___', 'a___'],
      ['a____b', 'a____b'],
    ]) {
      expect(essentialName(name)).toBe(essential);
    }
  });

  it('puts split BTF on its base', () => {
    const base = sample().build();
    const b = createBtfBuilder({ base });
    const ptr = b.ptr(base.findByName('s') ?? 0);
    b.struct('mod', 8, [{ name: 'a', typeId: ptr, bitOffset: 0 }]);
    const split = b.build();
    expect(ptr).toBe(base.typeCount);
    expect(split.type(6)).toEqual(base.type(6));
    expect(split.name(split.sizeOrType(ptr))).toBe('s');
    expect(split.findByName('mod')).toBe(11);
    expect(split.findByName('int')).toBe(1);
    expect(split.members(11)[0].name).toBe('a');
  });

  it('refuses what is not BTF with BtfError', () => {
    const good = sample().bytes();
    const patched = (at: number, value: number): Uint8Array => {
      const bytes = new Uint8Array(good);
      new DataView(bytes.buffer).setUint32(at, value, true);
      return bytes;
    };
    for (const [bytes, message] of [
      [new Uint8Array(0), /too short/],
      [new Uint8Array(100), /magic/],
      [patched(4, 1000), /header length/],
      [patched(12, 5000), /type section/],
      [patched(20, 5000), /string section/],
      [patched(28, 25 << 24), /kind 25/],
      [patched(28, (4 << 24) | 0xffff), /beyond the type section/],
    ] as const) {
      expect(() => parseBtf(bytes)).toThrow(message);
      expect(() => parseBtf(bytes)).toThrow(BtfError);
    }
    const btf = parseBtf(patched(24, 0xffff));
    expect(() => btf.name(1)).toThrow(/string offset/);
    expect(() => btf.type(99)).toThrow(/type id 99/);
  });

  it('ends on loops of modifiers', () => {
    const b = createBtfBuilder();
    b.const(2);
    b.volatile(1);
    const btf = b.build();
    expect(() => btf.skipModifiers(1)).toThrow(/loop/);
    expect(() => btf.resolveSize(1)).toThrow(BtfError);
  });

  it('reads what clang writes', () => {
    const btf = parseBtf(fixture('layouts.btf'));
    const tagged = btf.findByName('tagd', K.BTF_KIND_STRUCT) ?? 0;
    expect(btf.resolveSize(tagged)).toBe(4);
    expect(btf.pointerSize).toBe(8);
  });
});
