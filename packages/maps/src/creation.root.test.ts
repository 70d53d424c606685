// SPDX-License-Identifier: MIT
// Creation, values with spin locks and maps in maps: the running kernel's answers and ours.
import { afterAll, describe, expect, it } from 'vitest';
import { BTF_INT_SIGNED, createBtfBuilder } from '@tsbpf/btf';
import { createHost, pinToCpu } from '@tsbpf/host';
import { TestMap, answerText, openSystemPair, randomSource, u32s } from '@tsbpf/testkit';
import {
  BPF_BTF_LOAD,
  BPF_F_NO_PREALLOC,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PROG_ARRAY,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  ENOTSUPP,
  EOPNOTSUPP,
  errnoName,
  type MapCreateAttr,
  type Sys,
} from '@tsbpf/uapi';
import { mapTypes } from './index.ts';

const kept: TestMap[] = [];
const keep = (...maps: TestMap[]): void => void kept.push(...maps);
afterAll(() => {
  for (const map of kept) map.close();
});

const systems = openSystemPair(
  () => {
    pinToCpu(0);
    return createHost();
  },
  { mapTypes },
);
afterAll(() => systems.close());

/** A test that needs the running kernel. */
function compare(title: string, body: (real: Sys) => void): void {
  it(title, (context) => {
    if (systems.real === undefined) context.skip(`no kernel to compare with: ${systems.why}`);
    else body(systems.real);
  });
}

const ANY_FLAGS = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 8];

describe('spin locks', () => {
  /** struct value { int counter; struct bpf_spin_lock lock; int after; } and an int. */
  function lockBtf(): Uint8Array {
    const btf = createBtfBuilder();
    const int = btf.int('int', 4, { encoding: BTF_INT_SIGNED });
    const lock = btf.struct('bpf_spin_lock', 4, [{ name: 'val', typeId: int, bitOffset: 0 }]);
    btf.struct('value', 12, [
      { name: 'counter', typeId: int, bitOffset: 0 },
      { name: 'lock', typeId: lock, bitOffset: 32 },
      { name: 'after', typeId: int, bitOffset: 64 },
    ]);
    return btf.bytes();
  }
  for (const type of [BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_PERCPU_HASH]) {
    for (const map_flags of type === BPF_MAP_TYPE_HASH ? [0, BPF_F_NO_PREALLOC] : [0]) {
      compare(`type ${type} flags ${map_flags}`, (real) => {
        const sizes = { map_type: type, key_size: 4, value_size: 12, max_entries: 6, map_flags };
        const maps = [real, systems.sim].map((sys) => {
          const btf_fd = sys.bpf(BPF_BTF_LOAD, { btf: lockBtf() });
          return sys.bpf(BPF_MAP_CREATE, { ...sizes, btf_fd, btf_key_type_id: 1, btf_value_type_id: 3 });
        });
        if (type === BPF_MAP_TYPE_LRU_HASH || type === BPF_MAP_TYPE_PERCPU_HASH) {
          // Types without locks: 5.6 answers ENOTSUPP, later versions EOPNOTSUPP.
          expect(maps[1]).toBe(-ENOTSUPP);
          expect([-ENOTSUPP, -EOPNOTSUPP]).toContain(maps[0]);
          return;
        }
        const both = [new TestMap(real, sizes, maps[0]), new TestMap(systems.sim, sizes, maps[1])];
        keep(...both);
        const random = randomSource(11);
        for (let i = 0; i < 1000; i++) {
          const key = u32s(random(8));
          const value = u32s(random(100), random(100), random(100));
          const flags = ANY_FLAGS[random(ANY_FLAGS.length)] ?? 0;
          const choice = random(4);
          const run = (map: TestMap): Uint8Array | number => {
            if (choice < 2) return map.update(key, value, flags);
            return choice === 2 ? map.lookup(key, random(2) * 4) : map.delete(key);
          };
          const theirs = answerText(run(both[0]));
          expect(answerText(run(both[1])), `operation ${i}, flags ${flags}`).toBe(theirs);
        }
      });
    }
  }
});

describe('maps in maps', () => {
  for (const type of [BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS]) {
    compare(`type ${type} and max_entries`, (real) => {
      const answers = [real, systems.sim].map((sys) =>
        [BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY].map((map_type) => {
          const inner = { map_type, key_size: 4, value_size: 4, max_entries: 3 };
          const template = new TestMap(sys, inner);
          const outer = { map_type: type, key_size: 4, value_size: 4, max_entries: 1, inner_map_fd: template.fd };
          const maps = [template, new TestMap(sys, outer), new TestMap(sys, { ...inner, max_entries: 5 })];
          keep(...maps);
          return answerText(maps[1]?.update(u32s(0), u32s(maps[2]?.fd ?? 0)) ?? NaN);
        }),
      );
      expect(answers[1]).toEqual(answers[0]);
    });
    for (const mapFlags of type === BPF_MAP_TYPE_HASH_OF_MAPS ? [0, BPF_F_NO_PREALLOC] : [0]) {
      compare(`type ${type} flags ${mapFlags}`, (real) => {
        const inner: MapCreateAttr = { map_type: BPF_MAP_TYPE_HASH, key_size: 4, value_size: 4, max_entries: 3 };
        const inners = [real, systems.sim].map((sys) => Array.from({ length: 3 }, () => new TestMap(sys, inner)));
        const other = [real, systems.sim].map((sys) => new TestMap(sys, { ...inner, value_size: 8 }));
        const ids = [new Map<number, number>(), new Map<number, number>()];
        const outers = [real, systems.sim].map((sys, i) => {
          const template = inners[i]?.[0];
          return new TestMap(sys, {
            map_type: type,
            key_size: 4,
            value_size: 4,
            max_entries: 4,
            map_flags: mapFlags,
            inner_map_fd: template?.fd,
          });
        });
        keep(...outers, ...other, ...inners.flat());
        const random = randomSource(3);
        for (let i = 0; i < 600; i++) {
          const key = u32s(random(6));
          const pick = random(5);
          const flags = random(4) === 0 ? 1 + random(2) : 0;
          const choice = random(6);
          const answers = outers.map((outer, side) => {
            const fd = pick < 3 ? inners[side]?.[pick]?.fd : pick === 3 ? other[side]?.fd : 999;
            if (choice < 3) return answerText(outer.update(key, u32s(fd ?? 0), flags));
            if (choice === 3) return answerText(outer.delete(key));
            const id = outer.lookup(key);
            if (typeof id === 'number') return answerText(id);
            // Ids are the kernel's own: the order in which they appear is compared.
            const seen = ids[side] ?? new Map<number, number>();
            const number = new DataView(id.buffer).getUint32(0, true);
            if (!seen.has(number)) seen.set(number, seen.size);
            return `map ${seen.get(number)}`;
          });
          expect(answers[1], `operation ${i}`).toBe(answers[0]);
        }
      });
    }
  }
});

describe('creation', () => {
  const base: Record<string, MapCreateAttr> = {
    hash: { map_type: BPF_MAP_TYPE_HASH, key_size: 4, value_size: 8, max_entries: 4 },
    array: { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 8, max_entries: 4 },
    prog_array: { map_type: BPF_MAP_TYPE_PROG_ARRAY, key_size: 4, value_size: 4, max_entries: 4 },
    percpu_hash: { map_type: BPF_MAP_TYPE_PERCPU_HASH, key_size: 4, value_size: 8, max_entries: 4 },
    percpu_array: { map_type: BPF_MAP_TYPE_PERCPU_ARRAY, key_size: 4, value_size: 8, max_entries: 4 },
    lru_hash: { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 4, value_size: 8, max_entries: 4 },
    lru_percpu_hash: { map_type: BPF_MAP_TYPE_LRU_PERCPU_HASH, key_size: 4, value_size: 8, max_entries: 4 },
    lpm_trie: { map_type: BPF_MAP_TYPE_LPM_TRIE, key_size: 8, value_size: 8, max_entries: 4, map_flags: 1 },
    array_of_maps: {
      map_type: BPF_MAP_TYPE_ARRAY_OF_MAPS,
      key_size: 4,
      value_size: 4,
      max_entries: 4,
      inner_map_fd: 999,
    },
    hash_of_maps: {
      map_type: BPF_MAP_TYPE_HASH_OF_MAPS,
      key_size: 4,
      value_size: 4,
      max_entries: 4,
      inner_map_fd: 999,
    },
    queue: { map_type: BPF_MAP_TYPE_QUEUE, value_size: 8, max_entries: 4 },
    stack: { map_type: BPF_MAP_TYPE_STACK, value_size: 8, max_entries: 4 },
  };
  /** Flags of v5.6, alone and together; those of later versions are not asked about. */
  const flagSets = [0, 1, 2, 3, 4, 6, 8, 16, 24, 32, 64, 65, 128, 256, 384, 512, 1024, 1025, 1032];
  const sizes: readonly Partial<MapCreateAttr>[] = [
    { key_size: 0 },
    { key_size: 1 },
    { key_size: 3 },
    { key_size: 5 },
    { key_size: 8 },
    { key_size: 260 },
    { key_size: 261 },
    { key_size: 512 },
    { value_size: 0 },
    { value_size: 1 },
    { value_size: 4 },
    { value_size: 5000 },
    { max_entries: 0 },
    { max_entries: 1 },
    { max_entries: 7 },
    { map_name: 'a-b' },
    { map_name: 'fine_1.x' },
  ];
  for (const [name, attr] of Object.entries(base)) {
    compare(name, (real) => {
      const variants = [
        ...flagSets.map((map_flags) => ({ ...attr, map_flags })),
        ...sizes.map((change) => ({ ...attr, ...change })),
      ];
      for (const variant of variants) {
        const answers = [real, systems.sim].map((sys) => {
          const fd = sys.bpf(BPF_MAP_CREATE, { ...variant });
          if (fd >= 0) sys.close(fd);
          return fd < 0 ? errnoName(-fd) : 'fd';
        });
        expect(answers[1], JSON.stringify(variant)).toBe(answers[0]);
      }
    });
  }
});
