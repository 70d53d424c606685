// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/files.ts';
import * as K from '../kinds.ts';
import { parseBtf } from '../model/btf.ts';
import { validateBtf } from '../validate/validate.ts';
import { createBtfBuilder } from './builder.ts';
import { encodeBtf, typesOf } from './encode.ts';

describe('encodeBtf', () => {
  it.each(['layouts.btf', 'core.btf', 'values.btf'])('gives back the types of %s in both byte orders', (name) => {
    const types = [...typesOf(parseBtf(fixture(name)))];
    for (const littleEndian of [true, false]) {
      const again = parseBtf(encodeBtf(types, { littleEndian }));
      expect([...typesOf(again)]).toEqual(types);
    }
  });

  it('writes every kind', () => {
    const b = createBtfBuilder();
    const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
    b.add({ kind: K.BTF_KIND_ENUM, name: 'e', size: 4, signed: true, values: [{ name: 'A', value: -5 }] });
    b.add({
      kind: K.BTF_KIND_ENUM64,
      name: 'e64',
      size: 8,
      signed: true,
      values: [{ name: 'B', value: -(2n ** 40n) }],
    });
    b.add({ kind: K.BTF_KIND_FWD, name: 'u', fwdKind: 'union' });
    b.add({ kind: K.BTF_KIND_FLOAT, name: 'double', size: 8 });
    b.add({ kind: K.BTF_KIND_TYPE_TAG, name: 'user', typeId: int, kflag: false });
    b.add({ kind: K.BTF_KIND_RESTRICT, name: '', typeId: b.ptr(6) });
    const v = b.add({ kind: K.BTF_KIND_VAR, name: 'v', typeId: int, linkage: 1 });
    b.add({ kind: K.BTF_KIND_DECL_TAG, name: 'tag', typeId: v, componentIdx: -1, kflag: false });
    b.add({ kind: K.BTF_KIND_DATASEC, name: '.data', size: 4, vars: [{ typeId: v, offset: 0, size: 4 }] });
    b.union('u', 4, [{ name: 'x', typeId: int, bitOffset: 0 }]);
    const btf = b.build();
    expect(validateBtf(btf.bytes, { version: '6.18', logLevel: 1 })).toMatchObject({ errno: 0 });
    expect(btf.type(3)).toMatchObject({ values: [{ name: 'B', value: -(2n ** 40n) }] });
    expect(btf.type(2)).toMatchObject({ values: [{ name: 'A', value: -5 }] });
    expect([...typesOf(parseBtf(encodeBtf(typesOf(btf))))]).toEqual([...typesOf(btf)]);
  });

  it('refuses gaps in the ids', () => {
    expect(() => encodeBtf([{ id: 2, kind: K.BTF_KIND_PTR, name: '', typeId: 0 }])).toThrow(/\[2\] comes where \[1\]/);
  });
});
