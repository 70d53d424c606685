// SPDX-License-Identifier: MIT
// The same random operations on the running kernel and on ours. Ours follows the running kernel's version where a rule
// of `object/rules.ts` names one, so that whatever else differs is a defect. Iteration of hash tables is compared as
// sets: their order is no part of the contract.
import { afterAll, describe, expect, it } from 'vitest';
import { createHost, pinToCpu } from '@tsbpf/host';
import { type TestMap, answerText, openSystemPair, randomSource, u32s, type RandomSource } from '@tsbpf/testkit';
import {
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  type MapCreateAttr,
  type Sys,
} from '@tsbpf/uapi';
import { mapTypes } from './index.ts';

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

/** Keys and values as text; sorted where order is nobody's business. */
function contents(map: TestMap, sorted: boolean): string[] {
  const rows = map.keys(100_000).map((key) => `${answerText(key)}=${answerText(map.lookup(key))}`);
  return sorted ? rows.sort() : rows;
}

interface Row {
  readonly title: string;
  readonly attr: MapCreateAttr;
  readonly key: (random: RandomSource) => Uint8Array;
  readonly ordered?: boolean;
  readonly ops?: number;
  readonly flags?: readonly number[];
  readonly batch?: boolean;
}

const word = (range: number) => (random: RandomSource) => u32s(random(range));
const bytes = (lenBytes: number, range: number) => (random: RandomSource) => {
  const key = new Uint8Array(lenBytes).fill(0x5a);
  key[random(lenBytes)] = random(range);
  return key;
};
const prefix = (dataSize: number, spread: number) => (random: RandomSource) => {
  const key = new Uint8Array(4 + dataSize);
  const bits = dataSize * 8;
  new DataView(key.buffer).setUint32(0, random(20) === 0 ? bits + random(3) : random(bits + 1), true);
  for (let i = 4; i < key.length; i++) key[i] = random(spread) === 0 ? 128 >> random(8) : 0;
  return key;
};

const ANY_FLAGS = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 8];
const rows: readonly Row[] = [
  {
    title: 'array',
    attr: { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 13, max_entries: 9 },
    key: word(12),
    ordered: true,
    batch: true,
  },
  {
    title: 'percpu_array',
    attr: { map_type: BPF_MAP_TYPE_PERCPU_ARRAY, key_size: 4, value_size: 5, max_entries: 7 },
    key: word(9),
    ordered: true,
  },
  {
    title: 'hash',
    attr: { map_type: BPF_MAP_TYPE_HASH, key_size: 4, value_size: 8, max_entries: 50 },
    key: word(80),
    batch: true,
  },
  {
    title: 'hash, odd sizes',
    attr: { map_type: BPF_MAP_TYPE_HASH, key_size: 7, value_size: 3, max_entries: 50 },
    key: bytes(7, 12),
    batch: true,
  },
  {
    title: 'hash without preallocation',
    attr: { map_type: BPF_MAP_TYPE_HASH, key_size: 9, value_size: 30, max_entries: 20, map_flags: BPF_F_NO_PREALLOC },
    key: bytes(9, 4),
    batch: true,
  },
  {
    title: 'percpu_hash',
    attr: { map_type: BPF_MAP_TYPE_PERCPU_HASH, key_size: 4, value_size: 12, max_entries: 20 },
    key: word(30),
    batch: true,
  },
  {
    title: 'percpu_hash without preallocation',
    attr: { map_type: BPF_MAP_TYPE_PERCPU_HASH, key_size: 4, value_size: 4, max_entries: 20, map_flags: 1 },
    key: word(30),
    batch: true,
  },
  {
    title: 'lru_hash',
    attr: { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 4, value_size: 8, max_entries: 1000 },
    key: word(1400),
    ops: 12_000,
    batch: true,
  },
  {
    title: 'lru_hash, smaller than its CPUs take at once',
    attr: { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 4, value_size: 8, max_entries: 90 },
    key: word(140),
    ops: 8000,
  },
  {
    title: 'lru_hash with lists per CPU',
    attr: {
      map_type: BPF_MAP_TYPE_LRU_HASH,
      key_size: 4,
      value_size: 8,
      max_entries: 101,
      map_flags: BPF_F_NO_COMMON_LRU,
    },
    key: word(140),
    ops: 8000,
  },
  {
    title: 'lru_percpu_hash',
    attr: { map_type: BPF_MAP_TYPE_LRU_PERCPU_HASH, key_size: 8, value_size: 3, max_entries: 700 },
    key: (random) => u32s(7, random(900)),
    ops: 8000,
    batch: true,
  },
  {
    title: 'lru_percpu_hash with lists per CPU',
    attr: {
      map_type: BPF_MAP_TYPE_LRU_PERCPU_HASH,
      key_size: 4,
      value_size: 9,
      max_entries: 64,
      map_flags: BPF_F_NO_COMMON_LRU,
    },
    key: word(90),
    ops: 8000,
  },
  {
    title: 'lpm_trie, IPv4',
    attr: {
      map_type: BPF_MAP_TYPE_LPM_TRIE,
      key_size: 8,
      value_size: 8,
      max_entries: 60,
      map_flags: BPF_F_NO_PREALLOC,
    },
    key: prefix(4, 3),
    ordered: true,
  },
  {
    title: 'lpm_trie, one byte',
    attr: {
      map_type: BPF_MAP_TYPE_LPM_TRIE,
      key_size: 5,
      value_size: 1,
      max_entries: 30,
      map_flags: BPF_F_NO_PREALLOC,
    },
    key: prefix(1, 1),
    ordered: true,
  },
  {
    title: 'lpm_trie, IPv6 and more',
    attr: {
      map_type: BPF_MAP_TYPE_LPM_TRIE,
      key_size: 23,
      value_size: 5,
      max_entries: 100,
      map_flags: BPF_F_NO_PREALLOC,
    },
    key: prefix(19, 8),
    ordered: true,
  },
];

/** One random operation on both; what it was, and both answers. */
function step(maps: [TestMap, TestMap], row: Row, random: RandomSource): [string, string, string] {
  const key = row.key(random);
  const value = new Uint8Array(maps[0].valueSize).map(() => random(256));
  const flags = (row.flags ?? ANY_FLAGS)[random((row.flags ?? ANY_FLAGS).length)] ?? 0;
  const choice = random(20);
  const both = (what: string, run: (map: TestMap) => Uint8Array | number): [string, string, string] => [
    `${what} ${answerText(key)}`,
    answerText(run(maps[0])),
    answerText(run(maps[1])),
  ];
  if (choice < 11) return both(`update flags ${flags}`, (map) => map.update(key, value, flags));
  if (choice < 15) return both('lookup', (map) => map.lookup(key));
  if (choice < 18) return both('delete', (map) => map.delete(key));
  if (choice === 18) return both('lookup with F_LOCK', (map) => map.lookup(key, 4));
  return both('next', (map) => {
    const next = map.next(key);
    return row.ordered === true || typeof next === 'number' ? (row.ordered === true ? next : 0) : 0;
  });
}

describe('random operations', () => {
  for (const row of rows) {
    compare(row.title, () => {
      const maps = systems.maps(row.attr);
      const random = randomSource(20_260_101);
      const ops = row.ops ?? 4000;
      for (let i = 0; i < ops; i++) {
        const [what, theirs, ours] = step(maps, row, random);
        expect(ours, `operation ${i}: ${what}`).toBe(theirs);
        if (i % (ops / 20) !== 0) continue;
        const sorted = row.ordered !== true;
        expect(contents(maps[1], sorted), `contents after operation ${i}`).toEqual(contents(maps[0], sorted));
      }
    });
  }
});

describe('batches', () => {
  for (const row of rows.filter((candidate) => candidate.batch === true)) {
    compare(row.title, () => {
      const maps = systems.maps(row.attr);
      const random = randomSource(7);
      const max = row.attr.max_entries ?? 0;
      const n = Math.min(40, max + 3);
      const keys = Array.from({ length: n }, () => row.key(random));
      const flat = new Uint8Array(n * maps[0].keySize);
      keys.forEach((key, i) => flat.set(key, i * key.length));
      const values = new Uint8Array(n * maps[0].valueSize).map(() => random(256));
      const both = (what: string, run: (map: TestMap) => unknown): void =>
        expect(run(maps[1]), what).toEqual(run(maps[0]));
      both('update', (map) => map.updateBatch(flat, values, n));
      both('update of none', (map) => map.updateBatch(flat, values, 0));
      both('update with F_LOCK', (map) => map.updateBatch(flat, values, 1, 4n));
      both('update with a bad flag', (map) => map.updateBatch(flat, values, 1, 1n));
      both('contents', (map) => contents(map, row.ordered !== true));
      const summary = (map: TestMap, count: number, options: Parameters<TestMap['lookupBatch']>[1] = {}): unknown => {
        const got = map.lookupBatch(count, options);
        const pairs = Array.from({ length: got.count }, (_, i) =>
          [got.keys, got.values]
            .map((all, j) => {
              const size = j === 0 ? map.keySize : map.valueSize;
              return answerText(all.slice(i * size, (i + 1) * size));
            })
            .join('='),
        );
        return { ret: got.ret, count: got.count, pairs: row.ordered === true ? pairs : pairs.sort() };
      };
      both('all', (map) => summary(map, max + 10));
      both('none', (map) => summary(map, 0));
      both('bad flags', (map) => summary(map, 4, { flags: 1n }));
      both('bad elem_flags', (map) => summary(map, 4, { elemFlags: 4n }));
      both('a cursor beyond the end', (map) => {
        const from = new Uint8Array(Math.max(4, map.keySize)).fill(0xff);
        return { got: summary(map, 4, { from }), cursor: answerText(map.lookupBatch(4, { from }).cursor) };
      });
      both('without room for the cursor', (map) => summary(map, max + 10, { noCursor: true }));
      both('in pieces', (map) => {
        const seen: string[] = [];
        const rets = new Set<number>();
        let from: Uint8Array | undefined;
        for (;;) {
          const got = map.lookupBatch(Math.max(8, max >> 2), { from });
          for (let i = 0; i < got.count; i++)
            seen.push(answerText(got.keys.slice(i * map.keySize, (i + 1) * map.keySize)));
          rets.add(got.ret);
          from = got.cursor;
          if (got.ret < 0) break;
        }
        return { seen: seen.sort(), rets: [...rets].sort() };
      });
      both('lookup and delete', (map) => summary(map, max + 10, { remove: true }));
      both('contents afterwards', (map) => contents(map, row.ordered !== true));
      both('update again', (map) => map.updateBatch(flat, values, Math.min(n, 5)));
      both('delete', (map) => map.deleteBatch(flat, Math.min(n, 8)));
      both('contents at last', (map) => contents(map, row.ordered !== true));
    });
  }
});

describe('queue and stack', () => {
  for (const type of [BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_STACK]) {
    compare(`type ${type}`, () => {
      const maps = systems.maps({ map_type: type, value_size: 6, max_entries: 5 });
      const random = randomSource(type);
      for (let i = 0; i < 1500; i++) {
        const value = new Uint8Array(6).map(() => random(256));
        const flags = [0, 0, 2, 1, 3, 4, 6][random(7)] ?? 0;
        const choice = random(9);
        const run = (map: TestMap): Uint8Array | number => {
          if (choice < 4) return map.update(undefined, value, flags);
          if (choice < 6) return map.lookupAndDelete(undefined);
          if (choice === 6) return map.lookup(undefined);
          return choice === 7 ? map.delete(undefined) : map.next(undefined);
        };
        expect(answerText(run(maps[1])), `operation ${i}`).toBe(answerText(run(maps[0])));
      }
    });
  }
});
