// SPDX-License-Identifier: MIT
import { BtfError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/files.ts';
import { dumpBtfRaw } from '../dump/raw.ts';
import { createBtfBuilder } from '../encode/builder.ts';
import { encodeBtf, typesOf } from '../encode/encode.ts';
import * as K from '../kinds.ts';
import { parseBtf, type Btf } from '../model/btf.ts';
import type { BtfType } from '../types.ts';
import { dedupBtf } from './dedup.ts';

/** The types with all ids raised, as if another unit's came first. */
function shifted(type: BtfType, by: number): BtfType {
  const copy = structuredClone(type) as unknown as Record<string, unknown>;
  const raise = (holder: Record<string, unknown>, key: string): void => {
    if (typeof holder[key] === 'number' && holder[key] !== 0) holder[key] += by;
  };
  for (const key of ['id', 'typeId', 'elemTypeId', 'indexTypeId', 'returnTypeId']) raise(copy, key);
  for (const key of ['members', 'params', 'vars']) {
    for (const item of (copy[key] ?? []) as Record<string, unknown>[]) raise(item, 'typeId');
  }
  return copy as unknown as BtfType;
}

function twice(btf: Btf): Btf {
  const types = [...typesOf(btf)];
  return parseBtf(encodeBtf([...types, ...types.map((t) => shifted(t, types.length))]));
}

function withoutVariables(btf: Btf): Btf {
  const kept = [...typesOf(btf)].filter((t) => t.kind !== K.BTF_KIND_VAR && t.kind !== K.BTF_KIND_DATASEC);
  const ids = new Map(kept.map((t, i) => [t.id, i + 1]));
  const remap = (id: number): number => ids.get(id) ?? 0;
  return parseBtf(
    encodeBtf(
      kept.map((t) => {
        const copy = structuredClone(t) as unknown as Record<string, unknown>;
        copy.id = remap(t.id);
        for (const key of ['typeId', 'elemTypeId', 'indexTypeId', 'returnTypeId']) {
          if (typeof copy[key] === 'number') copy[key] = remap(copy[key]);
        }
        for (const key of ['members', 'params']) {
          for (const item of (copy[key] ?? []) as { typeId: number }[]) item.typeId = remap(item.typeId);
        }
        return copy as unknown as BtfType;
      }),
    ),
  );
}

describe('dedupBtf', () => {
  it.each(['layouts.btf', 'values.btf', 'core.btf'])('makes one of two copies of %s', (name) => {
    const once = dedupBtf(withoutVariables(parseBtf(fixture(name)))).btf;
    const both = dedupBtf(twice(once));
    expect(dumpBtfRaw(both.btf)).toBe(dumpBtfRaw(once));
    const n = once.typeCount - 1;
    for (let id = 1; id <= n; id++) expect(both.typeMap[id + n]).toBe(both.typeMap[id]);
  });

  it('keeps every variable and section', () => {
    const btf = parseBtf(fixture('layouts.btf'));
    const count = (b: Btf, kind: number): number => [...typesOf(b)].filter((t) => t.kind === kind).length;
    const both = dedupBtf(twice(btf)).btf;
    for (const kind of [K.BTF_KIND_VAR, K.BTF_KIND_DATASEC]) expect(count(both, kind)).toBe(2 * count(btf, kind));
  });

  it('lets a declaration become the struct it declares, through the graph', () => {
    const b = createBtfBuilder();
    const int = b.int('int', 4);
    // One unit knows struct in, the other only declares it.
    const inner = b.struct('in', 4, [{ name: 'x', typeId: int, bitOffset: 0 }]);
    const p1 = b.ptr(inner);
    b.struct('out', 8, [{ name: 'p', typeId: p1, bitOffset: 0 }]);
    const fwd = b.add({ kind: K.BTF_KIND_FWD, name: 'in', fwdKind: 'struct' });
    const p2 = b.ptr(fwd);
    b.struct('out', 8, [{ name: 'p', typeId: p2, bitOffset: 0 }]);
    const { btf, typeMap } = dedupBtf(b.build());
    expect([...typesOf(btf)].map((t) => t.kind)).toEqual([1, 4, 2, 4]);
    expect([...typeMap]).toEqual([0, 1, 2, 3, 4, 2, 3, 4]);
  });

  it('keeps structs of one name that differ, and a declaration of either', () => {
    const b = createBtfBuilder();
    const int = b.int('int', 4);
    b.struct('s', 4, [{ name: 'x', typeId: int, bitOffset: 0 }]);
    b.struct('s', 4, [{ name: 'y', typeId: int, bitOffset: 0 }]);
    b.add({ kind: K.BTF_KIND_FWD, name: 's', fwdKind: 'struct' });
    expect(dedupBtf(b.build()).btf.typeCount).toBe(5);
  });

  it('resolves a declaration that only one struct answers to, and enums likewise', () => {
    const b = createBtfBuilder();
    const fwd = b.add({ kind: K.BTF_KIND_FWD, name: 's', fwdKind: 'struct' });
    const enumFwd = b.add({ kind: K.BTF_KIND_ENUM, name: 'e', size: 4, signed: false, values: [] });
    b.ptr(fwd);
    b.ptr(enumFwd);
    b.struct('s', 0, []);
    b.add({ kind: K.BTF_KIND_ENUM, name: 'e', size: 4, signed: false, values: [{ name: 'A', value: 0 }] });
    const { btf } = dedupBtf(b.build());
    expect([...typesOf(btf)].map((t) => t.kind)).toEqual([2, 2, 4, 6]);
    expect(btf.sizeOrType(1)).toBe(3);
    expect(btf.sizeOrType(2)).toBe(4);
  });

  it('handles structs that refer to one another', () => {
    const b = createBtfBuilder();
    for (let unit = 0; unit < 2; unit++) {
      const first = b.nextId;
      b.struct('a', 8, [{ name: 'b', typeId: first + 1, bitOffset: 0 }]);
      b.ptr(first + 2);
      b.struct('b', 8, [{ name: 'a', typeId: first + 3, bitOffset: 0 }]);
      b.ptr(first);
    }
    expect(dedupBtf(b.build()).btf.typeCount).toBe(5);
  });

  it('drops from split BTF what the base has', () => {
    const base = createBtfBuilder();
    const s = base.struct('s', 4, [{ name: 'x', typeId: base.int('int', 4), bitOffset: 0 }]);
    base.ptr(s);
    const b = createBtfBuilder({ base: base.build() });
    const again = b.struct('s', 4, [{ name: 'x', typeId: b.int('int', 4), bitOffset: 0 }]);
    b.typedef('mod_t', b.ptr(again));
    const { btf } = dedupBtf(b.build());
    expect(btf.typeCount).toBe(5);
    expect(btf.type(4)).toEqual({ id: 4, kind: K.BTF_KIND_TYPEDEF, name: 'mod_t', typeId: 3 });
  });

  it('keeps strings that are used from elsewhere', () => {
    const b = createBtfBuilder();
    b.int('int', 4);
    const off = b.addString('kept only by .BTF.ext');
    const btf = b.build();
    const kept = dedupBtf(btf, { keepStrings: [off] });
    expect(kept.btf.strAt(kept.strOff(off) ?? 0)).toBe('kept only by .BTF.ext');
    expect(dedupBtf(btf).strOff(off)).toBeUndefined();
  });

  it('refuses types that are nothing but themselves', () => {
    const b = createBtfBuilder();
    b.const(2);
    b.ptr(1);
    expect(() => dedupBtf(b.build())).toThrow(BtfError);
  });
});
