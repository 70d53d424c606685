// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import * as K from '@tsbpf/btf';
import { createBtfBuilder, parseBtf, validateBtf, type Btf } from '@tsbpf/btf';
import { FakeSys } from '../../test/fake-sys.ts';
import { fixture } from '../../test/fixture.ts';
import { createFeatures, type Feature, type Features } from '../features/probes.ts';
import { openObject } from '../handle/object.ts';
import { BtfEditor } from './edit.ts';
import { sanitizeBtf } from './sanitize.ts';

/** One type of every kind that some kernel does not know. */
function everything(): Btf {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: 1 });
  b.add({ kind: K.BTF_KIND_FLOAT, name: 'double', size: 8 });
  const variable = b.add({ kind: K.BTF_KIND_VAR, name: 'v', typeId: int, linkage: K.BTF_VAR_GLOBAL_ALLOCATED });
  b.add({ kind: K.BTF_KIND_DATASEC, name: '.data', size: 4, vars: [{ typeId: variable, offset: 0, size: 4 }] });
  const marked = b.add({ kind: K.BTF_KIND_VAR, name: 'w', typeId: int, linkage: K.BTF_VAR_STATIC });
  b.add({ kind: K.BTF_KIND_DATASEC, name: '?.struct_ops', size: 8, vars: [{ typeId: marked, offset: 4, size: 4 }] });
  const struct = b.struct('s', 4, [{ name: 'm', typeId: int, bitOffset: 0 }]);
  b.add({ kind: K.BTF_KIND_DECL_TAG, name: 'arg:ctx', typeId: struct, componentIdx: -1, kflag: false });
  b.ptr(b.add({ kind: K.BTF_KIND_TYPE_TAG, name: 'rcu', typeId: struct, kflag: false }));
  b.add({ kind: K.BTF_KIND_ENUM, name: 'e', size: 4, signed: true, values: [{ name: 'A', value: -1 }] });
  b.add({ kind: K.BTF_KIND_ENUM64, name: 'e64', size: 8, signed: false, values: [{ name: 'B', value: 1n << 40n }] });
  b.func('f', b.funcProto(int, [{ name: 'a', typeId: int }]), { linkage: K.BTF_FUNC_GLOBAL });
  return b.build();
}

const only = (...known: Feature[]): Features => ({ has: (feature) => known.includes(feature) });
const kinds = (btf: Btf): string[] =>
  Array.from({ length: btf.typeCount - 1 }, (_, i) => K.BTF_KIND_NAMES[btf.kind(i + 1)]);

describe('sanitizeBtf', () => {
  it('makes what Linux 5.6 takes, keeping ids, sizes and names', () => {
    const btf = everything();
    expect(validateBtf(btf.bytes, { version: '5.6' }).errno).not.toBe(0);
    const bytes = sanitizeBtf(btf, createFeatures(new FakeSys({ version: '5.6' })));
    expect(validateBtf(bytes, { version: '5.6', logLevel: 1 })).toMatchObject({ errno: 0 });
    const clean = parseBtf(bytes);
    expect(kinds(clean).slice(0, btf.typeCount - 1)).toEqual([
      'INT',
      'STRUCT',
      'VAR',
      'DATASEC',
      'VAR',
      'DATASEC',
      'STRUCT',
      'INT',
      'CONST',
      'PTR',
      'ENUM',
      'UNION',
      'FUNC_PROTO',
      'FUNC',
    ]);
    expect(clean.name(6)).toBe('_.struct_ops');
    expect(clean.resolveSize(2)).toBe(8);
    expect(clean.resolveSize(12)).toBe(8);
    expect(clean.members(12).map((m) => m.name)).toEqual(['B']);
  });

  it('leaves a kernel what it knows', () => {
    const btf = everything();
    const bytes = sanitizeBtf(btf, createFeatures(new FakeSys({ version: '6.18' })));
    expect(bytes).toEqual(btf.bytes);
  });

  it('does without sections and functions', () => {
    const clean = parseBtf(sanitizeBtf(everything(), only('btf')));
    expect(kinds(clean)).toEqual(
      expect.not.arrayContaining(['VAR', 'DATASEC', 'FUNC', 'FUNC_PROTO', 'FLOAT', 'DECL_TAG', 'TYPE_TAG', 'ENUM64']),
    );
    expect(clean.name(4)).toBe('_data');
    expect(clean.members(6)).toEqual([{ name: 'w', typeId: 5, bitOffset: 32, bitSize: 0 }]);
    expect(clean.name(14)).toBe('f');
    expect(parseBtf(sanitizeBtf(everything(), only('btf', 'btfFunc', 'btfDatasec'))).funcLinkage(14)).toBe(0);
  });
});

describe('BtfEditor', () => {
  it('gives back what it was given', () => {
    for (const name of ['maps', 'globals', 'core', 'struct_ops']) {
      const { btf } = openObject(fixture(name));
      expect(new BtfEditor(btf!).bytes()).toEqual(btf!.bytes);
    }
  });
});
