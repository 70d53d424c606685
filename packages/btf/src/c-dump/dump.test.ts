// SPDX-License-Identifier: MIT
import { BtfError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { fixture, golden } from '../../test/files.ts';
import { createBtfBuilder } from '../encode/builder.ts';
import * as K from '../kinds.ts';
import { parseBtf } from '../model/btf.ts';
import { dumpBtfC, dumpBtfTypesC, typeDeclC } from './dump.ts';

describe('C dump', () => {
  const btf = parseBtf(fixture('layouts.btf'));

  it('is what bpftool prints', () => {
    expect(dumpBtfC(btf)).toBe(golden('layouts.h.txt'));
  });

  it('gives one type with what it needs', () => {
    const id = btf.findByName('p5', K.BTF_KIND_STRUCT) ?? 0;
    expect(dumpBtfTypesC(btf, { rootIds: [id] })).toBe(
      `typedef unsigned int u32;\n\nstruct p5 {\n\tu32 a;\n${'\tlong: 64;\n'.repeat(7)}};\n\n`,
    );
  });

  it('indents no further than libbpf does', () => {
    const b = createBtfBuilder();
    let inner = b.int('int', 4);
    for (let depth = 20; depth > 0; depth--) {
      inner = b.struct(depth === 1 ? 'deep' : '', 4, [{ name: 'm', typeId: inner, bitOffset: 0 }]);
    }
    const indents = dumpBtfC(b.build())
      .split('\n')
      .map((line) => line.search(/[^\t]/));
    expect(Math.max(...indents)).toBe(13);
    expect(indents.filter((tabs) => tabs === 13).length).toBeGreaterThan(2);
  });

  it('declares names with any type', () => {
    const b = createBtfBuilder();
    const int = b.int('int', 4);
    const fn = b.funcProto(b.ptr(int), [
      { name: 'x', typeId: b.const(b.ptr(int)) },
      { name: '', typeId: 0 },
    ]);
    const arr = b.array(b.ptr(fn), int, 4);
    const built = b.build();
    expect(typeDeclC(built, arr, { name: 'cb' })).toBe('int * (*cb[4])(int * const x, ...)');
    expect(typeDeclC(built, arr, { name: 'cb', stripMods: true })).toBe('int * (*cb[4])(int *x, ...)');
    expect(typeDeclC(built, 0)).toBe('void');
  });

  it('ends on a struct inside itself and on endless declarators', () => {
    const b = createBtfBuilder();
    b.struct('s', 4, [{ name: 'm', typeId: 1, bitOffset: 0 }]);
    b.ptr(2);
    const built = b.build();
    expect(() => dumpBtfC(built)).toThrow(BtfError);
    expect(() => typeDeclC(built, 2)).toThrow(BtfError);
  });
});
