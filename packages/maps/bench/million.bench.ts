// SPDX-License-Identifier: MIT
// A million entries through bpf(2) and through the map's operations, beside a JS Map keyed by strings.
// Run: npx tsx --conditions=@tsbpf/source packages/maps/bench/million.bench.ts
import { TestMap, createTestSys } from '@tsbpf/testkit';
import {
  BPF_F_NO_PREALLOC,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_UPDATE_ELEM,
  InternalError,
} from '@tsbpf/uapi';
import { mapTypes } from '@tsbpf/maps';

const N = 1_000_000;
let from = 0;
const lap = (what: string): void => {
  const now = performance.now();
  console.log(`  ${what.padEnd(28)} ${(((now - from) * 1e6) / N).toFixed(0).padStart(6)} ns each`);
  from = performance.now();
};
const start = (title: string): void => {
  console.log(title);
  from = performance.now();
};

for (const [title, map_type, map_flags] of [
  ['hash', BPF_MAP_TYPE_HASH, 0],
  ['hash on demand', BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC],
  ['lru_hash', BPF_MAP_TYPE_LRU_HASH, 0],
  ['lpm_trie', BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC],
] as const) {
  const sys = createTestSys({ rows: { mapTypes } });
  start(title);
  const map = new TestMap(sys, { map_type, key_size: 8, value_size: 8, max_entries: N, map_flags });
  lap('create');
  const map_fd = map.fd;
  const key = new Uint8Array(8);
  const value = new Uint8Array(8);
  const keyWords = new Uint32Array(key.buffer);
  const valueWords = new Uint32Array(value.buffer);
  const setKey = (i: number): void => {
    keyWords[0] = 32;
    keyWords[1] = map_type === BPF_MAP_TYPE_LPM_TRIE ? Math.imul(i, 0x9e3779b1) : i;
  };
  for (let i = 0; i < N; i++) {
    setKey(i);
    valueWords[0] = i;
    sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key, value });
  }
  lap('fill, bpf(2)');
  let sum = 0;
  for (let i = 0; i < N; i++) {
    setKey(i);
    sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key, value });
    sum += valueWords[0] ?? 0;
  }
  lap('lookup, bpf(2)');
  const file = sys.state.fds.get(map_fd, 'map');
  if (typeof file === 'number') throw new InternalError('no map');
  const { ops } = file.map.def;
  const { mem } = sys.state;
  const keyOff = mem.alloc(8);
  const keyAt = keyOff >>> 2;
  for (let i = 0; i < N; i++) {
    setKey(i);
    mem.u32[keyAt] = keyWords[0] ?? 0;
    mem.u32[keyAt + 1] = keyWords[1] ?? 0;
    sum += mem.u32[(ops.lookup?.(file.map, keyOff) ?? 0) >>> 2] ?? 0;
  }
  lap('lookup, operations');
  if (map_type !== BPF_MAP_TYPE_LPM_TRIE) {
    const next_key = new Uint8Array(8);
    let seen = 0;
    for (let cursor: Uint8Array | undefined; sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd, key: cursor, next_key }) === 0;) {
      cursor = key;
      key.set(next_key);
      seen++;
    }
    if (seen !== N) console.log(`  iterated ${seen}`);
    lap('iterate, bpf(2)');
    let batch = map.lookupBatch(65_536);
    for (let done = 0; batch.ret === 0 && done < N;) {
      done += batch.count;
      batch = map.lookupBatch(65_536, { from: batch.cursor });
    }
    lap('iterate, batches');
  }
  for (let i = 0; i < N; i++) {
    setKey(i);
    sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd, key });
  }
  lap('delete, bpf(2)');
  map.close();
  if (sum < 0) console.log(sum);
}

start('JS Map keyed by strings');
const js = new Map<string, number>();
lap('create');
for (let i = 0; i < N; i++) js.set(`32:${i}`, i);
lap('fill');
let total = 0;
for (let i = 0; i < N; i++) total += js.get(`32:${i}`) ?? 0;
lap('lookup');
for (const [, number] of js) total += number;
lap('iterate');
for (let i = 0; i < N; i++) js.delete(`32:${i}`);
lap('delete');
if (total < 0) console.log(total);
