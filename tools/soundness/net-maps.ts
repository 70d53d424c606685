// SPDX-License-Identifier: MIT
// The maps that random programs use.
import {
  BPF_F_NO_PREALLOC,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY_PROG,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_PROG_ARRAY,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_MAP_TYPE_STACK_TRACE,
  BPF_MAP_TYPE_XSKMAP,
  type MapCreateAttr,
} from '../../packages/uapi/src/index.ts';
import { btfBlob } from '../selftests/btf-blob.ts';

export type MapName = 'array' | 'single' | 'hash' | 'percpuArray' | 'percpuHash' | 'lru' | 'lpm' | 'locked' | 'outer';
export type SpecialMapName =
  | ('queue' | 'progs' | 'perf' | 'stacks' | 'inputs' | 'user' | 'readOnly' | 'writeOnly')
  | ('twoLocks' | 'storage' | 'xsk');

const array = (value_size: number, max_entries: number, map_flags = 0): MapCreateAttr => ({
  map_type: BPF_MAP_TYPE_ARRAY,
  key_size: 4,
  value_size,
  max_entries,
  map_flags,
});

export const MAP_ATTRS: Readonly<Record<MapName | SpecialMapName, MapCreateAttr>> = {
  array: array(48, 3),
  single: array(56, 1),
  hash: { map_type: BPF_MAP_TYPE_HASH, key_size: 8, value_size: 40, max_entries: 16 },
  percpuArray: { map_type: BPF_MAP_TYPE_PERCPU_ARRAY, key_size: 4, value_size: 24, max_entries: 3 },
  percpuHash: { map_type: BPF_MAP_TYPE_PERCPU_HASH, key_size: 4, value_size: 32, max_entries: 16 },
  lru: { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 4, value_size: 64, max_entries: 16 },
  lpm: { map_type: BPF_MAP_TYPE_LPM_TRIE, key_size: 8, value_size: 16, max_entries: 16, map_flags: 1 },
  locked: array(8, 2),
  outer: { map_type: BPF_MAP_TYPE_ARRAY_OF_MAPS, key_size: 4, value_size: 4, max_entries: 2 },
  queue: { map_type: BPF_MAP_TYPE_QUEUE, key_size: 0, value_size: 8, max_entries: 4 },
  progs: { map_type: BPF_MAP_TYPE_PROG_ARRAY, key_size: 4, value_size: 4, max_entries: 2 },
  perf: { map_type: BPF_MAP_TYPE_PERF_EVENT_ARRAY, key_size: 4, value_size: 4, max_entries: 2 },
  stacks: { map_type: BPF_MAP_TYPE_STACK_TRACE, key_size: 4, value_size: 64, max_entries: 4 },
  // What programs take numbers from: filled before each run.
  inputs: array(128, 1),
  user: array(48, 3),
  readOnly: array(16, 1, BPF_F_RDONLY_PROG),
  writeOnly: array(16, 1, BPF_F_WRONLY_PROG),
  twoLocks: array(8, 1),
  storage: {
    map_type: BPF_MAP_TYPE_SK_STORAGE,
    key_size: 4,
    value_size: 8,
    max_entries: 0,
    map_flags: BPF_F_NO_PREALLOC,
  },
  xsk: { map_type: BPF_MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries: 2 },
};

/** Types of key and value, for maps that need them. */
export const NEED_TYPES: Readonly<Partial<Record<MapName | SpecialMapName, readonly [key: number, value: number]>>> = {
  locked: [1, 3],
  twoLocks: [1, 3],
  storage: [1, 4],
};

/** Maps of somebody who may do nothing: programs mask their indices. */
export const OF_USERS: ReadonlySet<string> = new Set(['user']);

/** `int`, `struct bpf_spin_lock { int val; }`, `struct v { struct bpf_spin_lock l; int n; }` and `struct w { int n; int val; }`. */
export function lockTypes(): Uint8Array {
  const strings = new TextEncoder().encode('\0int\0bpf_spin_lock\0val\0v\0l\0n\0w\0');
  const at = (name: string): number => new TextDecoder().decode(strings).indexOf(`\0${name}\0`) + 1;
  const words = [
    ...[at('int'), 1 << 24, 4, 0x1000020],
    ...[at('bpf_spin_lock'), (4 << 24) | 1, 4, at('val'), 1, 0],
    ...[at('v'), (4 << 24) | 2, 8, at('l'), 2, 0, at('n'), 1, 32],
    ...[at('w'), (4 << 24) | 2, 8, at('n'), 1, 0, at('val'), 1, 32],
  ];
  return btfBlob(new Uint8Array(Uint32Array.from(words).buffer), strings);
}
