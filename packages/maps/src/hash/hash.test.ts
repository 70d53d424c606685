// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { TestMap, answerText, createTestSys, randomSource, u32s } from '@tsbpf/testkit';
import {
  BPF_F_NO_PREALLOC,
  BPF_F_ZERO_SEED,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_PERCPU_HASH,
  E2BIG,
  ENOENT,
  ENOSPC,
  InternalError,
  type MapCreateAttr,
} from '@tsbpf/uapi';
import { HtabMap, mapTypes } from '../index.ts';

type Sys = ReturnType<typeof createTestSys>;

function open(sys: Sys, attr: Partial<MapCreateAttr>): { handle: TestMap; map: HtabMap } {
  const full = { map_type: BPF_MAP_TYPE_HASH, key_size: 4, value_size: 4, max_entries: 4, ...attr };
  const handle = new TestMap(sys, full);
  const file = sys.state.fds.get(handle.fd, 'map');
  if (typeof file === 'number' || !(file.map instanceof HtabMap)) throw new InternalError('no hash table');
  return { handle, map: file.map };
}

describe('against a JS Map', () => {
  const shapes: readonly (readonly [string, Partial<MapCreateAttr>])[] = [
    ['4-byte keys', {}],
    ['5-byte keys', { key_size: 5 }],
    ['odd sizes on demand', { key_size: 11, value_size: 7, map_flags: BPF_F_NO_PREALLOC }],
    ['512-byte keys', { key_size: 512, value_size: 200 }],
  ];
  it.each(shapes)('%s', (_title, attr) => {
    const sys = createTestSys({ rows: { mapTypes }, env: { cpus: 3 } });
    const { handle, map } = open(sys, { ...attr, max_entries: 60 });
    const model = new Map<string, string>();
    const random = randomSource(5);
    for (let i = 0; i < 6000; i++) {
      sys.state.env.cpu = random(3);
      const key = new Uint8Array(map.keySize).fill(9);
      key[map.keySize - 1] = random(90);
      const value = new Uint8Array(map.valueSize).map(() => random(256));
      const text = answerText(key);
      const choice = random(5);
      if (choice < 3) {
        const want = !model.has(text) && model.size === 60 ? -E2BIG : 0;
        expect(handle.update(key, value)).toBe(want);
        if (want === 0) model.set(text, answerText(value));
      } else if (choice === 3) {
        expect(handle.delete(key)).toBe(model.delete(text) ? 0 : -ENOENT);
      } else expect(answerText(handle.lookup(key))).toBe(model.get(text) ?? 'ENOENT');
    }
    const rows = handle.keys().map((key) => `${answerText(key)} ${answerText(handle.lookup(key))}`);
    expect(rows.sort()).toEqual([...model].map(([key, value]) => `${key} ${value}`).sort());
  });
});

describe('elements', () => {
  const run = (map: HtabMap, op: 'update' | 'delete' | 'lookup', key: number, value = 0): number => {
    const { mem } = map;
    const keyOff = mem.alloc(8);
    const valueOff = mem.alloc(8);
    mem.write32(keyOff, key);
    mem.write32(valueOff, value);
    const { ops } = map.def;
    if (op === 'update') return ops.update?.(map, keyOff, valueOff, 0) ?? NaN;
    return (op === 'delete' ? ops.delete?.(map, keyOff) : ops.lookup?.(map, keyOff)) ?? NaN;
  };

  it('lie where inlined lookups expect them', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { handle, map } = open(sys, { key_size: 6 });
    handle.update(Uint8Array.of(1, 2, 3, 4, 5, 6), u32s(77));
    const { mem, types } = sys.state;
    const key = mem.alloc(8);
    mem.writeBytes(key, Uint8Array.of(1, 2, 3, 4, 5, 6));
    const elem = map.def.ops.lookupRaw?.(map, key) ?? 0;
    const keyAt = types.resolve('htab_elem.key').off;
    expect([...mem.readBytes(elem + keyAt, 8)]).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
    expect(mem.read32(elem + keyAt + 8)).toBe(77);
    expect(map.def.ops.lookup?.(map, key)).toBe(elem + keyAt + 8);
  });

  it('that are preallocated are reused at once: who holds one sees the next', () => {
    const { map } = open(createTestSys({ rows: { mapTypes } }), {});
    const { rcu, mem } = map.kernel as Sys['state'];
    rcu.enter();
    run(map, 'update', 1, 11);
    const held = run(map, 'lookup', 1);
    run(map, 'delete', 1);
    run(map, 'update', 2, 22);
    expect(run(map, 'lookup', 2)).toBe(held);
    expect(mem.read32(held)).toBe(22);
    rcu.exit();
  });

  it('that replace others leave the old value to who holds it', () => {
    const { map } = open(createTestSys({ rows: { mapTypes } }), {});
    run(map, 'update', 1, 11);
    const held = run(map, 'lookup', 1);
    run(map, 'update', 1, 12);
    expect(map.mem.read32(held)).toBe(11);
    expect(map.mem.read32(run(map, 'lookup', 1))).toBe(12);
  });

  it('on demand stay as they are until the grace period ends, and come back then', () => {
    const { map } = open(createTestSys({ rows: { mapTypes } }), { map_flags: BPF_F_NO_PREALLOC });
    const { rcu, mem } = map.kernel as Sys['state'];
    rcu.enter();
    run(map, 'update', 1, 11);
    const held = run(map, 'lookup', 1);
    run(map, 'delete', 1);
    expect(map.count).toBe(0);
    for (let key = 2; key < 6; key++) expect(run(map, 'update', key, key)).toBe(0);
    expect(mem.read32(held)).toBe(11);
    expect(run(map, 'update', 9, 9)).toBe(-E2BIG);
    rcu.exit();
    run(map, 'delete', 2);
    run(map, 'delete', 3);
    run(map, 'update', 7, 7);
    expect([2, 3, 7].map((key) => run(map, 'lookup', key) !== 0)).toEqual([false, false, true]);
  });

  it('of per-CPU tables keep other CPUs’ old values when a program inserts them, in v5.6', () => {
    const sys = createTestSys({ rows: { mapTypes }, env: { cpus: 2 } });
    const stale = open(sys, { map_type: BPF_MAP_TYPE_PERCPU_HASH });
    const fresh = open(sys, { map_type: BPF_MAP_TYPE_PERCPU_HASH, map_flags: BPF_F_NO_PREALLOC });
    for (const { handle, map } of [stale, fresh]) {
      handle.update(u32s(1), u32s(10, 0, 20, 0));
      handle.delete(u32s(1));
      run(map, 'update', 2, 5);
    }
    expect(stale.handle.lookup(u32s(2))).toEqual(u32s(5, 0, 20, 0));
    expect(fresh.handle.lookup(u32s(2))).toEqual(u32s(5, 0, 0, 0));
  });

  it('are found by keys that are not aligned', () => {
    const { handle, map } = open(createTestSys({ rows: { mapTypes } }), { key_size: 8 });
    handle.update(u32s(1, 2), u32s(3));
    const off = map.mem.alloc(16) + 3;
    map.mem.writeBytes(off, u32s(1, 2));
    expect(map.mem.read32(map.def.ops.lookup?.(map, off) ?? 0)).toBe(3);
  });
});

describe('batches', () => {
  it('end at a bucket that does not fit, and say where to go on', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { handle, map } = open(sys, { max_entries: 64, map_flags: BPF_F_ZERO_SEED });
    for (let i = 0; i < 64; i++) handle.update(u32s(i), u32s(i));
    const sizes: number[] = [];
    for (let bucket = 0; bucket <= map.bucketMask; bucket++) {
      let elem = map.mem.read32(map.bucketsOff + 4 * bucket);
      let size = 0;
      for (; elem !== 0; elem = map.mem.read32(elem + map.layout.next)) size++;
      sizes.push(size);
    }
    const full = sizes.findIndex((size) => size > 1);
    const from = u32s(full);
    expect(handle.lookupBatch(1, { from })).toMatchObject({ ret: -ENOSPC, count: 0 });
    const two = handle.lookupBatch(sizes[full] ?? 0, { from });
    expect(two).toMatchObject({ ret: 0, count: sizes[full] });
    const next = sizes.findIndex((size, i) => i > full && size > 0);
    expect(two.cursor).toEqual(u32s(next));
    const rest = handle.lookupBatch(64, { from: two.cursor, remove: true });
    const later = sizes.slice(next).reduce((sum, size) => sum + size, 0);
    expect(rest).toMatchObject({ ret: -ENOENT, count: later, cursor: u32s(64) });
    expect(handle.keys().length).toBe(64 - later);
  });
});

describe('memory', () => {
  const kinds = [
    ['hash', BPF_MAP_TYPE_HASH, 0],
    ['hash on demand', BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC],
    ['lru_hash', BPF_MAP_TYPE_LRU_HASH, 0],
  ] as const;
  it.each(kinds)('%s works above 2 GiB', (_title, map_type, map_flags) => {
    const sys = createTestSys({ rows: { mapTypes } });
    expect(sys.state.mem.alloc(0x8000_0000)).toBeGreaterThan(0);
    const { handle, map } = open(sys, { map_type, map_flags, max_entries: 300 });
    expect(map.bucketsOff).toBeGreaterThan(0x8000_0000);
    for (let i = 0; i < 300; i++) expect(handle.update(u32s(i), u32s(i * 3))).toBe(0);
    for (let i = 250; i < 300; i++) expect(handle.lookup(u32s(i))).toEqual(u32s(i * 3));
    expect(handle.delete(u32s(299))).toBe(0);
    expect(handle.lookup(u32s(299))).toBe(-ENOENT);
  });

  it.each(kinds)('%s goes back to a checkpoint of the memory', (_title, map_type, map_flags) => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { handle } = open(sys, { map_type, map_flags, max_entries: 40 });
    for (let i = 0; i < 20; i++) handle.update(u32s(i), u32s(i));
    const keys = handle.keys();
    const checkpoint = sys.state.mem.save();
    for (let i = 0; i < 30; i += 2) handle.delete(u32s(i));
    for (let i = 100; i < 115; i++) handle.update(u32s(i), u32s(i));
    sys.state.mem.restore(checkpoint);
    expect(handle.keys()).toEqual(keys);
    for (let i = 200; i < 220; i++) expect(handle.update(u32s(i), u32s(i))).toBe(0);
    if (map_type === BPF_MAP_TYPE_HASH) {
      expect(handle.keys().length).toBe(40);
      expect(handle.update(u32s(900), u32s(1))).toBe(-E2BIG);
    }
  });
});
