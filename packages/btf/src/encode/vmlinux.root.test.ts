// SPDX-License-Identifier: MIT
// The running kernel's types: written and read again they are what they were, and twice the same types are them once.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dedupBtf } from '../dedup/dedup.ts';
import * as K from '../kinds.ts';
import { parseBtf, type Btf } from '../model/btf.ts';
import type { BtfType } from '../types.ts';
import { encodeBtf, typesOf } from './encode.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const usable = existsSync(VMLINUX);
if (!usable) console.log('skipped: needs a kernel with BTF');

const text = (type: BtfType): string =>
  JSON.stringify(type, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

/** The first type in which two blobs differ. */
function difference(a: Btf, b: Btf): string | undefined {
  if (a.typeCount !== b.typeCount) return `${a.typeCount} types and ${b.typeCount}`;
  for (let id = 1; id < a.typeCount; id++) {
    const [x, y] = [text(a.type(id)), text(b.type(id))];
    if (x !== y) return `${x} and ${y}`;
  }
  return undefined;
}

/** The type with the ids that it refers to moved. */
function shifted(type: BtfType, by: number): BtfType {
  const move = (id: number): number => (id === 0 ? 0 : id + by);
  const copy = { ...type, id: type.id + by } as Record<string, unknown>;
  for (const key of ['typeId', 'elemTypeId', 'indexTypeId', 'returnTypeId']) {
    if (typeof copy[key] === 'number') copy[key] = move(copy[key]);
  }
  for (const key of ['members', 'params', 'vars']) {
    const items = copy[key] as { typeId: number }[] | undefined;
    if (items !== undefined) copy[key] = items.map((item) => ({ ...item, typeId: move(item.typeId) }));
  }
  return copy as unknown as BtfType;
}

describe.skipIf(!usable)('types of the running kernel', () => {
  const bytes = usable ? new Uint8Array(readFileSync(VMLINUX)) : new Uint8Array();

  it('are the same after writing and reading, in both byte orders', () => {
    const btf = parseBtf(bytes);
    for (const littleEndian of [true, false]) {
      expect(difference(parseBtf(encodeBtf(typesOf(btf), { littleEndian })), btf)).toBeUndefined();
    }
  });

  it('are themselves once, where they are there twice', () => {
    const btf = parseBtf(bytes);
    // Variables and their sections are never merged.
    const once = [...typesOf(btf)].filter((t) => t.kind !== K.BTF_KIND_VAR && t.kind !== K.BTF_KIND_DATASEC);
    const count = once.length;
    const ids = new Uint32Array(btf.typeCount);
    once.forEach((type, i) => (ids[type.id] = i + 1));
    const compact = once.map((type) => {
      const renumbered = { ...type, id: ids[type.id] } as Record<string, unknown>;
      for (const key of ['typeId', 'elemTypeId', 'indexTypeId', 'returnTypeId']) {
        if (typeof renumbered[key] === 'number') renumbered[key] = ids[renumbered[key]];
      }
      for (const key of ['members', 'params']) {
        const items = renumbered[key] as { typeId: number }[] | undefined;
        if (items !== undefined) renumbered[key] = items.map((item) => ({ ...item, typeId: ids[item.typeId] }));
      }
      return renumbered as unknown as BtfType;
    });
    const single = dedupBtf(parseBtf(encodeBtf(compact))).btf;
    const double = dedupBtf(parseBtf(encodeBtf([...compact, ...compact.map((type) => shifted(type, count))]))).btf;
    expect(difference(double, single)).toBeUndefined();
    expect(single.typeCount).toBeGreaterThan(count * 0.99);
  });
});
