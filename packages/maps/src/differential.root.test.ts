// SPDX-License-Identifier: MIT
// The same random operations on the running kernel and on ours. Ours follows the running kernel's version where a rule
// of `object/rules.ts` names one, so that whatever else differs is a defect. Iteration of hash tables is compared as
// sets: their order is no part of the contract.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BTF_INT_SIGNED, createBtfBuilder } from '@tsbpf/btf';
import type { KernelVersion } from '@tsbpf/core';
import { TestMap, createTestSys, u32s } from '@tsbpf/testkit';
import {
  BPF_BTF_LOAD,
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  BpfError,
  ENOTSUPP,
  EOPNOTSUPP,
  errnoName,
  type MapCreateAttr,
  type Sys,
} from '@tsbpf/uapi';
import { mapTypes } from './index.ts';

const [PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS] = [3, 12, 13];

let host: Sys | undefined;
let why = '';
let sim: Sys;
const opened: TestMap[] = [];

beforeAll(async () => {
  try {
    const { createHost, pinToCpu } = await import('@tsbpf/host');
    const candidate = createHost();
    const fd = candidate.bpf(BPF_MAP_CREATE, { map_type: 5, key_size: 4, value_size: 4, max_entries: 1 });
    if (fd < 0) why = `bpf(2) answers ${errnoName(-fd)}`;
    else {
      candidate.close(fd);
      pinToCpu(0);
      host = candidate;
    }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    why = error.message;
  }
  const release = /^(\d+\.\d+)/.exec(host?.uname().release ?? '')?.[1] ?? '5.6';
  sim = createTestSys({
    rows: { mapTypes },
    env: { cpus: host?.possibleCpus() ?? 2 },
    rulesOf: release as KernelVersion,
  });
});
afterAll(() => {
  for (const map of opened) map.close();
});

/** A test that needs the running kernel. */
function compare(title: string, body: (real: Sys) => void): void {
  it(title, (context) => {
    if (host === undefined) {
      context.skip(`no kernel to compare with: ${why}`);
      return;
    }
    body(host);
  });
}

function pair(real: Sys, attr: MapCreateAttr): [TestMap, TestMap] {
  const maps: [TestMap, TestMap] = [new TestMap(real, attr), new TestMap(sim, attr)];
  opened.push(...maps);
  return maps;
}

/** A small generator: the same sequence on every machine. */
function randomSource(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const shown = (answer: Uint8Array | number): string =>
  typeof answer === 'number'
    ? answer < 0
      ? errnoName(-answer)
      : String(answer)
    : Array.from(answer, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Keys and values as text; sorted where order is nobody's business. */
function contents(map: TestMap, sorted: boolean): string[] {
  const rows = map.keys(100_000).map((key) => `${shown(key)}=${shown(map.lookup(key))}`);
  return sorted ? rows.sort() : rows;
}

interface Row {
  readonly title: string;
  readonly attr: MapCreateAttr;
  readonly key: (random: (below: number) => number) => Uint8Array;
  readonly ordered?: boolean;
  readonly ops?: number;
  readonly flags?: readonly number[];
  readonly batch?: boolean;
}

const word = (range: number) => (random: (below: number) => number) => u32s(random(range));
const bytes = (lenBytes: number, range: number) => (random: (below: number) => number) => {
  const key = new Uint8Array(lenBytes).fill(0x5a);
  key[random(lenBytes)] = random(range);
  return key;
};
const prefix = (dataSize: number, spread: number) => (random: (below: number) => number) => {
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
function step(maps: [TestMap, TestMap], row: Row, random: (below: number) => number): [string, string, string] {
  const key = row.key(random);
  const value = new Uint8Array(maps[0].valueSize).map(() => random(256));
  const flags = (row.flags ?? ANY_FLAGS)[random((row.flags ?? ANY_FLAGS).length)] ?? 0;
  const choice = random(20);
  const both = (what: string, run: (map: TestMap) => Uint8Array | number): [string, string, string] => [
    `${what} ${shown(key)}`,
    shown(run(maps[0])),
    shown(run(maps[1])),
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
    compare(row.title, (real) => {
      const maps = pair(real, row.attr);
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
    compare(row.title, (real) => {
      const maps = pair(real, row.attr);
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
              return shown(all.slice(i * size, (i + 1) * size));
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
        return { got: summary(map, 4, { from }), cursor: shown(map.lookupBatch(4, { from }).cursor) };
      });
      both('without room for the cursor', (map) => summary(map, max + 10, { noCursor: true }));
      both('in pieces', (map) => {
        const seen: string[] = [];
        const rets = new Set<number>();
        let from: Uint8Array | undefined;
        for (;;) {
          const got = map.lookupBatch(Math.max(8, max >> 2), { from });
          for (let i = 0; i < got.count; i++) seen.push(shown(got.keys.slice(i * map.keySize, (i + 1) * map.keySize)));
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
    compare(`type ${type}`, (real) => {
      const maps = pair(real, { map_type: type, value_size: 6, max_entries: 5 });
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
        expect(shown(run(maps[1])), `operation ${i}`).toBe(shown(run(maps[0])));
      }
    });
  }
});

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
        const maps = [real, sim].map((sys) => {
          const btf_fd = sys.bpf(BPF_BTF_LOAD, { btf: lockBtf() });
          return sys.bpf(BPF_MAP_CREATE, { ...sizes, btf_fd, btf_key_type_id: 1, btf_value_type_id: 3 });
        });
        if (type === BPF_MAP_TYPE_LRU_HASH || type === BPF_MAP_TYPE_PERCPU_HASH) {
          // Types without locks: 5.6 answers ENOTSUPP, later versions EOPNOTSUPP.
          expect(maps[1]).toBe(-ENOTSUPP);
          expect([-ENOTSUPP, -EOPNOTSUPP]).toContain(maps[0]);
          return;
        }
        const both = [new TestMap(real, sizes, maps[0]), new TestMap(sim, sizes, maps[1])];
        opened.push(...both);
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
          const theirs = shown(run(both[0]));
          expect(shown(run(both[1])), `operation ${i}, flags ${flags}`).toBe(theirs);
        }
      });
    }
  }
});

describe('maps in maps', () => {
  for (const type of [ARRAY_OF_MAPS, HASH_OF_MAPS]) {
    for (const mapFlags of type === HASH_OF_MAPS ? [0, BPF_F_NO_PREALLOC] : [0]) {
      compare(`type ${type} flags ${mapFlags}`, (real) => {
        const inner: MapCreateAttr = { map_type: BPF_MAP_TYPE_HASH, key_size: 4, value_size: 4, max_entries: 3 };
        const inners = [real, sim].map((sys) => Array.from({ length: 3 }, () => new TestMap(sys, inner)));
        const other = [real, sim].map((sys) => new TestMap(sys, { ...inner, value_size: 8 }));
        const ids = [new Map<number, number>(), new Map<number, number>()];
        const outers = [real, sim].map((sys, i) => {
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
        opened.push(...outers, ...other, ...inners.flat());
        const random = randomSource(3);
        for (let i = 0; i < 600; i++) {
          const key = u32s(random(6));
          const pick = random(5);
          const flags = random(4) === 0 ? 1 + random(2) : 0;
          const choice = random(6);
          const answers = outers.map((outer, side) => {
            const fd = pick < 3 ? inners[side]?.[pick]?.fd : pick === 3 ? other[side]?.fd : 999;
            if (choice < 3) return shown(outer.update(key, u32s(fd ?? 0), flags));
            if (choice === 3) return shown(outer.delete(key));
            const id = outer.lookup(key);
            if (typeof id === 'number') return shown(id);
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
    prog_array: { map_type: PROG_ARRAY, key_size: 4, value_size: 4, max_entries: 4 },
    percpu_hash: { map_type: BPF_MAP_TYPE_PERCPU_HASH, key_size: 4, value_size: 8, max_entries: 4 },
    percpu_array: { map_type: BPF_MAP_TYPE_PERCPU_ARRAY, key_size: 4, value_size: 8, max_entries: 4 },
    lru_hash: { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 4, value_size: 8, max_entries: 4 },
    lru_percpu_hash: { map_type: BPF_MAP_TYPE_LRU_PERCPU_HASH, key_size: 4, value_size: 8, max_entries: 4 },
    lpm_trie: { map_type: BPF_MAP_TYPE_LPM_TRIE, key_size: 8, value_size: 8, max_entries: 4, map_flags: 1 },
    array_of_maps: { map_type: ARRAY_OF_MAPS, key_size: 4, value_size: 4, max_entries: 4, inner_map_fd: 999 },
    hash_of_maps: { map_type: HASH_OF_MAPS, key_size: 4, value_size: 4, max_entries: 4, inner_map_fd: 999 },
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
        const answers = [real, sim].map((sys) => {
          const fd = sys.bpf(BPF_MAP_CREATE, { ...variant });
          if (fd >= 0) sys.close(fd);
          return fd < 0 ? errnoName(-fd) : 'fd';
        });
        expect(answers[1], JSON.stringify(variant)).toBe(answers[0]);
      }
    });
  }
});
