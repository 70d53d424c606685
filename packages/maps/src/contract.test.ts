// SPDX-License-Identifier: MIT
// What system calls answer, type by type, as in Linux v5.6. Data first: keys and values are hex, answers are hex or the
// name of an errno.
import { describe, expect, it } from 'vitest';
import { TestMap, answerText, createTestSys } from '@tsbpf/testkit';
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
} from '@tsbpf/uapi';
import { mapTypes } from './index.ts';

type Step =
  | readonly ['update', key: string, value: string, flags: number, answer: string]
  | readonly ['lookup' | 'delete' | 'next' | 'pop', key: string, answer: string]
  | readonly ['keys', count: number];

interface Row {
  readonly title: string;
  readonly attr: MapCreateAttr;
  readonly steps: readonly Step[];
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
const keyOf = (hex: string): Uint8Array | undefined => (hex === '' ? undefined : bytesOf(hex));

const [K0, K1, K2, K3] = ['00000000', '01000000', '02000000', '03000000'];
const HASH_STEPS: readonly Step[] = [
  ['next', '', 'ENOENT'],
  ['lookup', K0, 'ENOENT'],
  ['delete', K0, 'ENOENT'],
  ['update', K0, 'aabb', 2, 'ENOENT'],
  ['update', K0, 'aabb', 1, '0'],
  ['update', K0, 'aacc', 1, 'EEXIST'],
  ['update', K0, 'aadd', 3, 'EINVAL'],
  ['update', K0, 'aadd', 4, 'EINVAL'],
  ['update', K0, 'aadd', 8, 'EINVAL'],
  ['lookup', K0, 'aabb'],
  ['update', K0, 'aaee', 2, '0'],
  ['lookup', K0, 'aaee'],
  ['next', K1, K0],
  ['next', K0, 'ENOENT'],
  ['update', K1, '1111', 0, '0'],
  ['keys', 2],
  ['delete', K0, '0'],
  ['next', '', K1],
  ['pop', K1, 'ENOTSUPP'],
];
const FILL: readonly Step[] = [
  ['update', K0, '0000', 0, '0'],
  ['update', K1, '0101', 0, '0'],
  ['update', K2, '0202', 0, 'E2BIG'],
  ['update', K2, '0202', 1, 'E2BIG'],
  ['update', K1, '1212', 0, '0'],
  ['update', K0, '1010', 2, '0'],
  ['lookup', K1, '1212'],
  ['delete', K0, '0'],
  ['update', K2, '2222', 0, '0'],
  ['lookup', K2, '2222'],
  ['keys', 2],
];
const hash = (map_flags = 0, max_entries = 2, map_type: number = BPF_MAP_TYPE_HASH): MapCreateAttr => ({
  map_type,
  key_size: 4,
  value_size: 2,
  max_entries,
  map_flags,
});
const percpu = (a: string, b: string): string => `${a}000000000000${b}000000000000`;
const PERCPU_STEPS: readonly Step[] = [
  ['update', K0, percpu('1111', '2222'), 1, '0'],
  ['lookup', K0, percpu('1111', '2222')],
  ['update', K0, percpu('3333', '4444'), 1, 'EEXIST'],
  ['update', K0, percpu('3333', '4444'), 4, 'EINVAL'],
  ['update', K0, percpu('3333', '4444'), 2, '0'],
  ['lookup', K0, percpu('3333', '4444')],
  ['update', K1, percpu('3333', '4444'), 2, 'ENOENT'],
  ['delete', K0, '0'],
  ['lookup', K0, 'ENOENT'],
];
/** The padding of each CPU's slot comes back as it was given. */
const PADDING = '01020304050607081112131415161718';

const rows: readonly Row[] = [
  {
    title: 'array',
    attr: { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 3, max_entries: 3 },
    steps: [
      ['lookup', K0, '000000'],
      ['lookup', K3, 'ENOENT'],
      ['update', K2, 'aabbcc', 0, '0'],
      ['update', K2, 'ddeeff', 2, '0'],
      ['update', K2, '111111', 1, 'EEXIST'],
      ['update', K3, '111111', 1, 'E2BIG'],
      ['update', K3, '111111', 3, 'EINVAL'],
      ['update', K2, '111111', 4, 'EINVAL'],
      ['update', K2, '111111', 5, 'EINVAL'],
      ['lookup', K2, 'ddeeff'],
      ['delete', K2, 'EINVAL'],
      ['pop', K2, 'ENOTSUPP'],
      ['next', '', K0],
      ['next', K0, K1],
      ['next', K2, 'ENOENT'],
      ['next', K3, K0],
      ['next', 'ffffffff', K0],
      ['keys', 3],
    ],
  },
  {
    title: 'percpu_array',
    attr: { map_type: BPF_MAP_TYPE_PERCPU_ARRAY, key_size: 4, value_size: 2, max_entries: 2 },
    steps: [
      ['lookup', K0, percpu('0000', '0000')],
      ['update', K0, percpu('1111', '2222'), 0, '0'],
      ['lookup', K0, percpu('1111', '2222')],
      ['lookup', K1, percpu('0000', '0000')],
      ['update', K0, percpu('1111', '2222'), 1, 'EEXIST'],
      ['update', K2, percpu('1111', '2222'), 0, 'E2BIG'],
      ['update', K0, percpu('1111', '2222'), 4, 'EINVAL'],
      ['update', K1, PADDING, 2, '0'],
      ['lookup', K1, PADDING],
      ['lookup', K2, 'ENOENT'],
      ['delete', K0, 'EINVAL'],
      ['keys', 2],
    ],
  },
  { title: 'hash', attr: hash(), steps: HASH_STEPS },
  { title: 'hash without preallocation', attr: hash(BPF_F_NO_PREALLOC), steps: HASH_STEPS },
  { title: 'hash that fills', attr: hash(), steps: FILL },
  { title: 'hash without preallocation that fills', attr: hash(BPF_F_NO_PREALLOC), steps: FILL },
  { title: 'percpu_hash', attr: hash(0, 2, BPF_MAP_TYPE_PERCPU_HASH), steps: PERCPU_STEPS },
  { title: 'percpu_hash without preallocation', attr: hash(1, 2, BPF_MAP_TYPE_PERCPU_HASH), steps: PERCPU_STEPS },
  {
    title: 'percpu_hash keeps padding',
    attr: hash(0, 2, BPF_MAP_TYPE_PERCPU_HASH),
    steps: [
      ['update', K0, PADDING, 0, '0'],
      ['lookup', K0, PADDING],
      ['update', K1, percpu('0101', '0101'), 0, '0'],
      ['update', K2, percpu('0101', '0101'), 0, 'E2BIG'],
    ],
  },
  { title: 'lru_hash', attr: hash(0, 40, BPF_MAP_TYPE_LRU_HASH), steps: HASH_STEPS },
  {
    title: 'lru_hash with lists per CPU',
    attr: hash(BPF_F_NO_COMMON_LRU, 40, BPF_MAP_TYPE_LRU_HASH),
    steps: HASH_STEPS,
  },
  { title: 'lru_percpu_hash', attr: hash(0, 40, BPF_MAP_TYPE_LRU_PERCPU_HASH), steps: PERCPU_STEPS },
  {
    title: 'lru_percpu_hash with lists per CPU',
    attr: hash(BPF_F_NO_COMMON_LRU, 40, BPF_MAP_TYPE_LRU_PERCPU_HASH),
    steps: PERCPU_STEPS,
  },
  {
    title: 'lpm_trie',
    attr: { map_type: BPF_MAP_TYPE_LPM_TRIE, key_size: 8, value_size: 1, max_entries: 4, map_flags: 1 },
    steps: [
      ['next', '', 'ENOENT'],
      ['lookup', '200000000a010203', 'ENOENT'],
      ['update', '100000000a010000', '16', 0, '0'],
      ['update', '180000000a010200', '24', 0, '0'],
      ['update', '08000000c0000000', '08', 1, '0'],
      ['update', '210000000a010200', '33', 0, 'EINVAL'],
      ['update', '180000000a010200', '24', 4, 'EINVAL'],
      ['lookup', '200000000a010203', '24'],
      ['lookup', '200000000a010303', '16'],
      ['lookup', '170000000a010200', '16'],
      ['lookup', '200000000b010203', 'ENOENT'],
      ['lookup', 'ffffffff0a010203', '24'],
      ['next', '', '180000000a010200'],
      ['next', '180000000a010200', '100000000a010000'],
      ['next', '100000000a010000', '08000000c0000000'],
      ['next', '08000000c0000000', 'ENOENT'],
      ['delete', '180000000a010300', 'ENOENT'],
      ['delete', '170000000a010200', 'ENOENT'],
      ['delete', '210000000a010200', 'EINVAL'],
      ['delete', '180000000a010200', '0'],
      ['lookup', '200000000a010203', '16'],
      ['update', '180000000a010200', '42', 1, '0'],
      // v5.6 ignores NOEXIST and EXIST.
      ['update', '180000000a010200', '43', 1, '0'],
      ['update', '200000000a010204', '32', 2, '0'],
      // v5.6 wants room even to replace.
      ['update', '200000000a010204', '32', 0, 'ENOSPC'],
      ['keys', 4],
    ],
  },
  {
    title: 'queue',
    attr: { map_type: BPF_MAP_TYPE_QUEUE, value_size: 1, max_entries: 2 },
    steps: [
      ['lookup', '', 'ENOENT'],
      ['pop', '', 'ENOENT'],
      ['update', '', '01', 0, '0'],
      ['update', '', '02', 0, '0'],
      ['update', '', '03', 0, 'E2BIG'],
      ['update', '', '03', 1, 'EINVAL'],
      ['update', '', '03', 4, 'EINVAL'],
      ['update', '', '03', 2, '0'],
      ['lookup', '', '02'],
      ['pop', '', '02'],
      ['pop', '', '03'],
      ['pop', '', 'ENOENT'],
      ['delete', '', 'EINVAL'],
      ['next', '', 'EINVAL'],
      ['lookup', K0, 'EINVAL'],
    ],
  },
  {
    title: 'stack',
    attr: { map_type: BPF_MAP_TYPE_STACK, value_size: 1, max_entries: 2 },
    steps: [
      ['update', '', '01', 0, '0'],
      ['update', '', '02', 0, '0'],
      ['update', '', '03', 0, 'E2BIG'],
      ['update', '', '03', 2, '0'],
      ['lookup', '', '03'],
      ['pop', '', '03'],
      ['pop', '', '02'],
      ['pop', '', 'ENOENT'],
      ['lookup', '', 'ENOENT'],
      ['delete', '', 'EINVAL'],
      ['next', '', 'EINVAL'],
    ],
  },
];

function answer(map: TestMap, step: Step): string {
  switch (step[0]) {
    case 'update':
      return answerText(map.update(keyOf(step[1]), bytesOf(step[2]), step[3]));
    case 'lookup':
      return answerText(map.lookup(keyOf(step[1])));
    case 'delete':
      return answerText(map.delete(keyOf(step[1])));
    case 'next':
      return answerText(map.next(keyOf(step[1])));
    case 'pop':
      return answerText(map.lookupAndDelete(keyOf(step[1])));
    case 'keys':
      return String(map.keys().length);
  }
}

describe('system calls on elements', () => {
  it.each(rows)('$title', ({ attr, steps }) => {
    const sys = createTestSys({ rows: { mapTypes }, env: { cpus: 2 } });
    const before = sys.state.mem.liveRegions;
    const map = new TestMap(sys, attr);
    expect(steps.map((step) => [...step.slice(0, -1), answer(map, step)])).toEqual(
      steps.map((step) => [...step.slice(0, -1), String(step.at(-1))]),
    );
    map.close();
    // Only the system call layer's own buffers stay.
    expect([...sys.state.mem.regions()].filter(({ kind }) => kind === 'map')).toEqual([]);
    expect(sys.state.memlock.chargedBytes).toBe(0);
    expect(sys.state.mem.liveRegions).toBeLessThanOrEqual(before + 3);
  });
});

describe('the registry', () => {
  it('has the generic types in the order of bpf_types.h', () => {
    expect(mapTypes.map(({ name }) => name)).toEqual([
      'array',
      'percpu_array',
      'prog_array',
      'hash',
      'percpu_hash',
      'lru_hash',
      'lru_percpu_hash',
      'lpm_trie',
      'array_of_maps',
      'hash_of_maps',
      'queue',
      'stack',
    ]);
  });
});
