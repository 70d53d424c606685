// SPDX-License-Identifier: MIT
// Which attributes a map may have, and in what order complaints come. @see the alloc_check callbacks of v5.6
import { describe, expect, it } from 'vitest';
import { createTestSys } from '@tsbpf/testkit';
import {
  BPF_F_MMAPABLE,
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY_PROG,
  BPF_F_ZERO_SEED,
  BPF_MAP_CREATE,
  errnoName,
  type MapCreateAttr,
} from '@tsbpf/uapi';
import { mapTypes } from './index.ts';

const [MIB, MAX] = [1 << 20, 0xffffffff];
const GOOD: Readonly<Record<string, MapCreateAttr>> = {
  hash: { map_type: 1, key_size: 4, value_size: 8, max_entries: 4 },
  array: { map_type: 2, key_size: 4, value_size: 8, max_entries: 4 },
  prog_array: { map_type: 3, key_size: 4, value_size: 4, max_entries: 4 },
  percpu_hash: { map_type: 5, key_size: 4, value_size: 8, max_entries: 4 },
  percpu_array: { map_type: 6, key_size: 4, value_size: 8, max_entries: 4 },
  lru_hash: { map_type: 9, key_size: 4, value_size: 8, max_entries: 4 },
  lru_percpu_hash: { map_type: 10, key_size: 4, value_size: 8, max_entries: 4 },
  lpm_trie: { map_type: 11, key_size: 8, value_size: 8, max_entries: 4, map_flags: BPF_F_NO_PREALLOC },
  queue: { map_type: 22, value_size: 8, max_entries: 4 },
  stack: { map_type: 23, value_size: 8, max_entries: 4 },
};
const PROG_BOTH = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;

type Row = readonly [type: string, change: Partial<MapCreateAttr>, answer: string];

const privileged: readonly Row[] = [
  ...Object.keys(GOOD).map((type): Row => [type, {}, 'ok']),
  ...Object.keys(GOOD).map((type): Row => [type, { max_entries: 0 }, 'EINVAL']),
  ...Object.keys(GOOD).map((type): Row => [type, { value_size: 0 }, 'EINVAL']),
  ...Object.keys(GOOD).map((type): Row => [type, { map_flags: 1 << 20 }, 'EINVAL']),
  ...Object.keys(GOOD).map((type): Row => [type, { map_flags: PROG_BOTH | BPF_F_NO_PREALLOC }, 'EINVAL']),
  ['array', { key_size: 8 }, 'EINVAL'],
  ['array', { map_flags: BPF_F_NO_PREALLOC }, 'EINVAL'],
  ['array', { map_flags: BPF_F_MMAPABLE | BPF_F_NUMA_NODE | BPF_F_RDONLY_PROG }, 'ok'],
  ['array', { value_size: 4 * MIB, max_entries: 1 }, 'ok'],
  ['array', { value_size: 4 * MIB + 1, max_entries: 1 }, 'E2BIG'],
  ['array', { value_size: MIB, max_entries: 4096 }, 'E2BIG'],
  ['array', { max_entries: MAX }, 'E2BIG'],
  ['percpu_array', { map_flags: BPF_F_MMAPABLE }, 'EINVAL'],
  ['percpu_array', { map_flags: BPF_F_NUMA_NODE }, 'EINVAL'],
  ['percpu_array', { value_size: 32768 }, 'ok'],
  ['percpu_array', { value_size: 32769 }, 'ENOMEM'],
  ['prog_array', { value_size: 8 }, 'EINVAL'],
  ['prog_array', { map_flags: BPF_F_RDONLY_PROG }, 'EINVAL'],
  ['prog_array', { map_flags: BPF_F_NUMA_NODE }, 'ok'],
  ['hash', { key_size: 0 }, 'EINVAL'],
  ['hash', { key_size: 512 }, 'ok'],
  ['hash', { key_size: 513 }, 'E2BIG'],
  ['hash', { key_size: 513, value_size: 0 }, 'EINVAL'],
  ['hash', { value_size: 4 * MIB - 561, map_flags: BPF_F_NO_PREALLOC }, 'ok'],
  ['hash', { value_size: 4 * MIB - 560 }, 'E2BIG'],
  ['hash', { max_entries: MAX }, 'E2BIG'],
  ['hash', { max_entries: 1 << 28, map_flags: BPF_F_NO_PREALLOC }, 'E2BIG'],
  ['hash', { map_flags: BPF_F_NO_COMMON_LRU }, 'EINVAL'],
  ['hash', { map_flags: BPF_F_ZERO_SEED | BPF_F_NUMA_NODE | BPF_F_NO_PREALLOC }, 'ok'],
  ['percpu_hash', { map_flags: BPF_F_NUMA_NODE }, 'EINVAL'],
  ['percpu_hash', { value_size: 40000 }, 'ENOMEM'],
  ['percpu_hash', { value_size: 40000, map_flags: BPF_F_NO_PREALLOC }, 'ok'],
  ['lru_hash', { map_flags: BPF_F_NO_PREALLOC }, 'ENOTSUPP'],
  ['lru_hash', { map_flags: BPF_F_NO_PREALLOC, max_entries: 0 }, 'ENOTSUPP'],
  ['lru_hash', { map_flags: BPF_F_NUMA_NODE }, 'ok'],
  ['lru_hash', { map_flags: BPF_F_NUMA_NODE | BPF_F_NO_COMMON_LRU }, 'EINVAL'],
  ['lru_percpu_hash', { map_flags: BPF_F_NUMA_NODE }, 'EINVAL'],
  ['lpm_trie', { map_flags: 0 }, 'EINVAL'],
  ['lpm_trie', { key_size: 4 }, 'EINVAL'],
  ['lpm_trie', { key_size: 5 }, 'ok'],
  ['lpm_trie', { key_size: 260 }, 'ok'],
  ['lpm_trie', { key_size: 261 }, 'EINVAL'],
  ['lpm_trie', { value_size: 4 * MIB - 296, max_entries: 1 }, 'ok'],
  ['lpm_trie', { value_size: 4 * MIB - 295, max_entries: 1 }, 'EINVAL'],
  ['lpm_trie', { max_entries: MAX }, 'E2BIG'],
  ['queue', { key_size: 4 }, 'EINVAL'],
  ['queue', { value_size: 4 * MIB + 1 }, 'E2BIG'],
  ['queue', { max_entries: MAX }, 'E2BIG'],
  ['stack', { map_flags: BPF_F_NO_PREALLOC }, 'EINVAL'],
];

/** Without CAP_SYS_ADMIN; privilege comes before everything else. */
const unprivileged: readonly Row[] = [
  ...['hash', 'array', 'prog_array', 'percpu_hash', 'percpu_array'].map((type): Row => [type, {}, 'ok']),
  ...['lru_hash', 'lru_percpu_hash', 'lpm_trie', 'queue', 'stack'].map((type): Row => [type, {}, 'EPERM']),
  ...['lru_hash', 'lpm_trie', 'queue'].map((type): Row => [type, { max_entries: 0 }, 'EPERM']),
  ['hash', { map_flags: BPF_F_ZERO_SEED }, 'EPERM'],
  ['hash', { map_flags: BPF_F_ZERO_SEED | (1 << 20) }, 'EPERM'],
  ['array', { max_entries: 0x80000001 }, 'E2BIG'],
];

const MEMLOCK_PAGES: readonly (readonly [type: string, change: Partial<MapCreateAttr>, pages: number])[] = [
  ['array', {}, 1],
  ['array', { max_entries: 472 }, 1],
  ['array', { max_entries: 473 }, 2],
  ['array', { max_entries: 1, map_flags: BPF_F_MMAPABLE }, 2],
  ['percpu_array', { max_entries: 100, value_size: 60 }, 4],
  ['hash', { max_entries: 1000, value_size: 100 }, 44],
  ['hash', { max_entries: 1000, value_size: 100, map_flags: BPF_F_NO_PREALLOC }, 44],
  ['percpu_hash', { max_entries: 1000, value_size: 100 }, 71],
  ['lru_hash', { max_entries: 1001, map_flags: BPF_F_NO_COMMON_LRU }, 20],
  ['lpm_trie', { max_entries: 100 }, 2],
  ['queue', { max_entries: 1000, value_size: 10 }, 3],
];

function create(attr: MapCreateAttr, env: Parameters<typeof createTestSys>[0]): string {
  const sys = createTestSys({ rows: { mapTypes }, ...env });
  const fd = sys.bpf(BPF_MAP_CREATE, attr);
  if (fd < 0) {
    expect(sys.state.memlock.chargedBytes).toBe(0);
    expect([...sys.state.mem.regions()].filter(({ kind }) => kind === 'map')).toEqual([]);
  }
  return fd < 0 ? errnoName(-fd) : 'ok';
}

describe('creation', () => {
  it.each(privileged)('%s with %j: %s', (type, change, answer) => {
    expect(create({ ...GOOD[type], ...change } as MapCreateAttr, {})).toBe(answer);
  });

  it.each(unprivileged)('unprivileged %s with %j: %s', (type, change, answer) => {
    const env = { task: { uid: 1000 } };
    expect(create({ ...GOOD[type], ...change } as MapCreateAttr, { env })).toBe(answer);
  });

  it.each(MEMLOCK_PAGES)('%s with %j is charged %i pages', (type, change, pages) => {
    const attr = { ...GOOD[type], ...change } as MapCreateAttr;
    const env = { cpus: 2, memlockLimitBytes: pages * 4096 };
    expect(create(attr, { env })).toBe('ok');
    expect(create(attr, { env: { ...env, memlockLimitBytes: pages * 4096 - 1 } })).toBe('EPERM');
  });

  it('rounds the entries of LRU lists per CPU up', () => {
    const sys = createTestSys({ rows: { mapTypes }, env: { cpus: 4 } });
    const fd = sys.bpf(BPF_MAP_CREATE, {
      ...GOOD.lru_hash,
      max_entries: 9,
      map_flags: BPF_F_NO_COMMON_LRU,
    } as MapCreateAttr);
    const file = sys.state.fds.get(fd, 'map');
    expect(typeof file === 'number' ? file : file.map.maxEntries).toBe(12);
  });
});
