// SPDX-License-Identifier: MIT
// Walks over elements where they lie: what they meet, and that changes meanwhile do not lead them astray.
import { describe, expect, it } from 'vitest';
import { TestMap, answerText, createTestSys, randomSource, u32s } from '@tsbpf/testkit';
import { BPF_F_NO_COMMON_LRU, BPF_F_NO_PREALLOC, type MapCreateAttr, type MapWalk } from '@tsbpf/uapi';
import { mapTypes } from '../index.ts';

const hash = (map_type: number, map_flags = 0, max_entries = 300): MapCreateAttr => ({
  map_type,
  key_size: 6,
  value_size: 4,
  max_entries,
  map_flags,
});
const rows: readonly (readonly [string, MapCreateAttr])[] = [
  ['hash', hash(1)],
  ['hash on demand', hash(1, BPF_F_NO_PREALLOC)],
  ['percpu_hash', hash(5)],
  ['percpu_hash on demand', hash(5, BPF_F_NO_PREALLOC)],
  ['lru_hash', hash(9)],
  ['lru_hash with lists per CPU', hash(9, BPF_F_NO_COMMON_LRU)],
  ['lru_percpu_hash', hash(10)],
];

function open(attr: MapCreateAttr): { map: TestMap; walk: () => MapWalk } {
  const sys = createTestSys({ rows: { mapTypes }, env: { cpus: 2 } });
  const map = new TestMap(sys, attr);
  return {
    map,
    walk() {
      const walk = sys.walkMap?.(map.fd);
      if (walk === undefined || typeof walk === 'number') expect.fail(`no walk: ${walk}`);
      return walk;
    },
  };
}

const bytesAt = (view: DataView, at: number, lenBytes: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, lenBytes).slice();
const pairAt = (map: TestMap, walk: MapWalk): [string, string] => [
  answerText(bytesAt(walk.keys, walk.keyAt, map.keySize)),
  answerText(bytesAt(walk.values, walk.valueAt, map.valueSize)),
];
function all(map: TestMap, walk: MapWalk): [string, string][] {
  const seen: [string, string][] = [];
  while (walk.next()) seen.push(pairAt(map, walk));
  return seen;
}
const keyOf = (n: number): Uint8Array => Uint8Array.of(n, n >> 8, 7, 7, n & 3, 9);
const valueOf = (map: TestMap, n: number): Uint8Array => new Uint8Array(map.valueSize).fill(n);

describe.each(rows)('a walk over %s', (_title, attr) => {
  it('meets what lookups find, after any operations', () => {
    const { map, walk } = open(attr);
    expect(walk().next()).toBe(false);
    const random = randomSource(3);
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 50; i++) {
        const key = keyOf(random(400));
        if (random(3) === 0) map.delete(key);
        else map.update(key, valueOf(map, random(256)));
      }
      if (attr.map_type !== 9 && attr.map_type !== 10 && round % 10 === 9) map.lookupBatch(400, { remove: true });
      const want = map.keys().map((key) => [answerText(key), answerText(map.lookup(key))]);
      expect(all(map, walk()).sort()).toEqual(want.sort());
    }
  });

  it('meets an entry once that is there all the time, whatever happens to it', () => {
    const { map, walk } = open(attr);
    const stays = Array.from({ length: 100 }, (_, i) => i);
    for (const n of stays) map.update(keyOf(n), valueOf(map, 0));
    const random = randomSource(11);
    for (let round = 0; round < 30; round++) {
      const seen = new Map<string, number>();
      for (const at = walk(); at.next();) {
        const [key] = pairAt(map, at);
        seen.set(key, (seen.get(key) ?? 0) + 1);
        for (let i = 0; i < 4; i++) map.update(keyOf(random(100)), valueOf(map, random(256)));
        // Others come and go, fewer than an LRU list would evict for.
        if (random(2) === 0) map.update(keyOf(1000 + random(8)), valueOf(map, 1));
        else map.delete(keyOf(1000 + random(8)));
        if (seen.size > 1000) expect.fail('the walk does not end');
      }
      const counts = stays.map((n) => seen.get(answerText(keyOf(n))) ?? 0);
      expect(counts).toEqual(stays.map(() => 1));
    }
  });

  it('meets what is added behind it, and not what is gone', () => {
    const { map, walk } = open(attr);
    map.update(keyOf(1), valueOf(map, 1));
    map.update(keyOf(2), valueOf(map, 2));
    const at = walk();
    expect(at.next()).toBe(true);
    const [first] = pairAt(map, at);
    const [other] = [1, 2].map((n) => answerText(keyOf(n))).filter((key) => key !== first);
    map.delete(other === answerText(keyOf(1)) ? keyOf(1) : keyOf(2));
    expect(at.next()).toBe(false);
    map.update(keyOf(3), valueOf(map, 3));
    map.update(keyOf(4), valueOf(map, 4));
    const rest = all(map, at).map(([key]) => key);
    expect(rest.length).toBeLessThanOrEqual(2);
    for (const key of rest) expect([answerText(keyOf(3)), answerText(keyOf(4))]).toContain(key);
  });
});

describe('walks', () => {
  it('go through arrays by index', () => {
    for (const map_type of [2, 6]) {
      const { map, walk } = open({ map_type, key_size: 4, value_size: 3, max_entries: 3 });
      map.update(u32s(1), valueOf(map, 5));
      expect(all(map, walk())).toEqual([0, 1, 2].map((i) => [answerText(u32s(i)), answerText(map.lookup(u32s(i)))]));
    }
  });

  it('want a readable fd, and a type whose elements lie as lookups give them', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    expect(sys.walkMap?.(99)).toBe(-9);
    const writeOnly = new TestMap(sys, hash(1, 16));
    expect(sys.walkMap?.(writeOnly.fd)).toBe(-1);
    const trie = new TestMap(sys, { map_type: 11, key_size: 8, value_size: 4, max_entries: 3, map_flags: 1 });
    expect(sys.walkMap?.(trie.fd)).toBe(-524);
  });

  it('say so where the map is gone', () => {
    const { map, walk } = open(hash(1));
    map.update(keyOf(1), valueOf(map, 1));
    const at = walk();
    map.close();
    expect(() => at.next()).toThrow('it was freed during a walk');
  });

  it('leave nothing behind, with chunks of any number', () => {
    for (const [, attr] of rows) {
      const sys = createTestSys({ rows: { mapTypes } });
      const map = new TestMap(sys, { ...attr, max_entries: 2000 });
      for (let n = 0; n < 2000; n++) map.update(keyOf(n), valueOf(map, n));
      map.close();
      expect([...sys.state.mem.regions()].filter(({ kind }) => kind === 'map')).toEqual([]);
    }
  });
});
