// SPDX-License-Identifier: MIT
// The map types that are compared, and what their keys and values may be.
import { u32s, type RandomSource } from '@tsbpf/testkit';
import {
  BPF_F_LOCK,
  BPF_F_MMAPABLE,
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_CGROUP_ARRAY,
  BPF_MAP_TYPE_CPUMAP,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_PROG_ARRAY,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE_STACK,
  BPF_MAP_TYPE_STACK_TRACE,
  BPF_MAP_TYPE_XSKMAP,
  type MapCreateAttr,
} from 'tsbpf';
import type { Pair, World } from './world.ts';

export interface Row {
  readonly title: string;
  readonly attr: (side: 0 | 1) => MapCreateAttr;
  readonly key: (random: RandomSource) => Pair<Uint8Array>;
  /** A value as system calls take it; undefined for random bytes. */
  readonly value?: (random: RandomSource) => Pair<Uint8Array>;
  /** Flags of updates; the plain ones and a few bad ones unless said otherwise. */
  readonly flags?: readonly number[];
  /** The order of iteration is part of the contract. */
  readonly ordered?: boolean;
  /** What a lookup gives names something of the side's own: only whether there is something is compared. */
  readonly ownValues?: boolean;
  /** No lookups by system call. */
  readonly noLookup?: boolean;
  /** What programs may do; keyless ones push and pop. */
  readonly programs?: 'elements' | 'queue';
  readonly batch?: 'hash' | 'array';
  /** The byte of a value that programs read, where it is not the first: a spin lock may not be read. */
  readonly readAt?: number;
}

const same = (bytes: Uint8Array): Pair<Uint8Array> => [bytes, bytes];
const word =
  (range: number) =>
  (random: RandomSource): Pair<Uint8Array> =>
    same(u32s(random(range)));

const attr =
  (map_type: number, max_entries: number, more: Partial<MapCreateAttr> = {}): Row['attr'] =>
  () => ({ map_type, key_size: 4, value_size: 8, max_entries, ...more });

/** Keys of odd sizes, of which so many differ. */
const odd =
  (size: number, range: number) =>
  (random: RandomSource): Pair<Uint8Array> => {
    const key = new Uint8Array(size).fill(0x5a);
    const n = random(range);
    key[0] = n;
    key[size - 1] = n >> 3;
    return same(key);
  };

const prefix =
  (dataBytes: number) =>
  (random: RandomSource): Pair<Uint8Array> => {
    const key = new Uint8Array(4 + dataBytes).map((_, i) => (i < 4 ? 0 : random(2) * 0x80 + random(3) * 0x40));
    key.set(u32s(random(dataBytes * 8 + 2)));
    return same(key);
  };

/** Values that are fds: of something, of the map itself, of nothing. */
function fds(pairs: readonly Pair<number>[]): (random: RandomSource) => Pair<Uint8Array> {
  const all = [...pairs, ...pairs, [9999, 9999] as const];
  return (random) => {
    const [real, sim] = all[random(all.length)] ?? [-1, -1];
    return [u32s(real), u32s(sim)];
  };
}

/** All rows; what they need is made on both sides. */
export function rowsOf(world: World): Row[] {
  const { tcp1, tcp2, udp } = world.fds;
  const hash = world.map(attr(BPF_MAP_TYPE_HASH, 5));
  const [innerA, innerB] = [world.map(attr(BPF_MAP_TYPE_HASH, 5)), world.map(attr(BPF_MAP_TYPE_HASH, 5))];
  const other = world.map(attr(BPF_MAP_TYPE_HASH, 5, { value_size: 4 }));
  const xdp = [world.prog(), world.prog()];
  const filter = world.prog(1);
  const perf = [world.perfEvent(), world.perfEvent()];
  const cgroups = [world.cgroup('a'), world.cgroup('b')];
  const { btf, int, locked } = world.types();
  const withLock = (map_type: number, max_entries: number): Row['attr'] => {
    const types = { value_size: 16, btf_key_type_id: int, btf_value_type_id: locked };
    return (side) => ({ map_type, key_size: 4, max_entries, btf_fd: btf[side], ...types });
  };
  const lockFlags = [0, 0, 1, 2, BPF_F_LOCK, BPF_F_LOCK, BPF_F_LOCK | 1, BPF_F_LOCK | 2, 3, 8];
  const fdSized = { value_size: 4 };
  const inner = (map_type: number, map_flags = 0): Row => ({
    title: `${map_type === BPF_MAP_TYPE_HASH_OF_MAPS ? 'hash' : 'array'}_of_maps${map_flags === 0 ? '' : ' on demand'}`,
    attr: (side) => ({ ...attr(map_type, 6, { value_size: 4, map_flags })(side), inner_map_fd: hash[side] }),
    key: word(9),
    value: fds([innerA, innerB, hash, other]),
    ordered: map_type === BPF_MAP_TYPE_ARRAY_OF_MAPS,
    ownValues: true,
  });
  return [
    {
      title: 'array',
      attr: attr(BPF_MAP_TYPE_ARRAY, 9),
      key: word(12),
      ordered: true,
      programs: 'elements',
      batch: 'array',
    },
    {
      title: 'array of odd values',
      attr: attr(BPF_MAP_TYPE_ARRAY, 9, { value_size: 13 }),
      key: word(12),
      ordered: true,
      programs: 'elements',
      batch: 'array',
    },
    {
      title: 'array, mappable',
      attr: attr(BPF_MAP_TYPE_ARRAY, 9, { map_flags: BPF_F_MMAPABLE }),
      key: word(12),
      ordered: true,
      programs: 'elements',
    },
    {
      title: 'array with a spin lock',
      attr: withLock(BPF_MAP_TYPE_ARRAY, 9),
      key: word(12),
      ordered: true,
      flags: lockFlags,
      readAt: 8,
      programs: 'elements',
    },
    {
      title: 'percpu_array',
      attr: attr(BPF_MAP_TYPE_PERCPU_ARRAY, 9),
      key: word(12),
      ordered: true,
      programs: 'elements',
    },
    {
      title: 'prog_array',
      attr: attr(BPF_MAP_TYPE_PROG_ARRAY, 6, fdSized),
      key: word(9),
      value: fds([...xdp, filter, hash]),
      ordered: true,
      ownValues: true,
    },
    {
      title: 'perf_event_array',
      attr: attr(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 6, fdSized),
      key: word(9),
      value: fds([...perf, hash]),
      ordered: true,
      noLookup: true,
    },
    {
      title: 'cgroup_array',
      attr: attr(BPF_MAP_TYPE_CGROUP_ARRAY, 6, fdSized),
      key: word(9),
      value: fds([...cgroups, hash]),
      ordered: true,
      noLookup: true,
    },
    { title: 'stack_trace', attr: attr(BPF_MAP_TYPE_STACK_TRACE, 8, { value_size: 80 }), key: word(12) },
    { title: 'hash', attr: attr(BPF_MAP_TYPE_HASH, 40), key: word(60), programs: 'elements', batch: 'hash' },
    {
      title: 'hash on demand',
      attr: attr(BPF_MAP_TYPE_HASH, 40, { map_flags: BPF_F_NO_PREALLOC }),
      key: word(60),
      programs: 'elements',
      batch: 'hash',
    },
    {
      title: 'hash of odd keys',
      attr: attr(BPF_MAP_TYPE_HASH, 25, { key_size: 7, value_size: 3 }),
      key: odd(7, 40),
      programs: 'elements',
      batch: 'hash',
    },
    {
      title: 'hash with a spin lock',
      attr: withLock(BPF_MAP_TYPE_HASH, 12),
      key: word(20),
      flags: lockFlags,
      readAt: 8,
      programs: 'elements',
    },
    {
      title: 'percpu_hash',
      attr: attr(BPF_MAP_TYPE_PERCPU_HASH, 20),
      key: word(30),
      programs: 'elements',
      batch: 'hash',
    },
    {
      title: 'percpu_hash on demand',
      attr: attr(BPF_MAP_TYPE_PERCPU_HASH, 20, { map_flags: BPF_F_NO_PREALLOC }),
      key: word(30),
      programs: 'elements',
      batch: 'hash',
    },
    { title: 'lru_hash', attr: attr(BPF_MAP_TYPE_LRU_HASH, 700), key: word(1000), programs: 'elements' },
    {
      title: 'lru_hash, lists per CPU',
      attr: attr(BPF_MAP_TYPE_LRU_HASH, 60, { map_flags: BPF_F_NO_COMMON_LRU }),
      key: word(90),
      programs: 'elements',
    },
    { title: 'lru_percpu_hash', attr: attr(BPF_MAP_TYPE_LRU_PERCPU_HASH, 600), key: word(900), programs: 'elements' },
    {
      title: 'lru_percpu_hash, lists per CPU',
      attr: attr(BPF_MAP_TYPE_LRU_PERCPU_HASH, 60, { map_flags: BPF_F_NO_COMMON_LRU }),
      key: word(90),
      programs: 'elements',
    },
    {
      title: 'lpm_trie',
      attr: attr(BPF_MAP_TYPE_LPM_TRIE, 30, { key_size: 8, map_flags: BPF_F_NO_PREALLOC }),
      key: prefix(4),
      ordered: true,
      programs: 'elements',
    },
    {
      title: 'lpm_trie of 19 bytes',
      attr: attr(BPF_MAP_TYPE_LPM_TRIE, 100, { key_size: 23, map_flags: BPF_F_NO_PREALLOC }),
      key: prefix(19),
      ordered: true,
      programs: 'elements',
    },
    inner(BPF_MAP_TYPE_ARRAY_OF_MAPS),
    inner(BPF_MAP_TYPE_HASH_OF_MAPS),
    inner(BPF_MAP_TYPE_HASH_OF_MAPS, BPF_F_NO_PREALLOC),
    {
      title: 'queue',
      attr: attr(BPF_MAP_TYPE_QUEUE, 5, { key_size: 0 }),
      key: () => same(new Uint8Array()),
      programs: 'queue',
    },
    {
      title: 'stack',
      attr: attr(BPF_MAP_TYPE_STACK, 5, { key_size: 0 }),
      key: () => same(new Uint8Array()),
      programs: 'queue',
    },
    // 1 is the loopback device of either.
    {
      title: 'devmap',
      attr: attr(BPF_MAP_TYPE_DEVMAP, 5, fdSized),
      key: word(8),
      value: (random) => same(u32s([1, 1, 1, 0, 0x7ffffff0][random(5)] ?? 0)),
      ordered: true,
    },
    {
      title: 'devmap_hash',
      attr: attr(BPF_MAP_TYPE_DEVMAP_HASH, 5, fdSized),
      key: word(8),
      value: (random) => same(u32s([1, 1, 1, 0, 0x7ffffff0][random(5)] ?? 0)),
    },
    {
      title: 'cpumap',
      attr: attr(BPF_MAP_TYPE_CPUMAP, 5, fdSized),
      key: word(7),
      value: (random) => same(u32s([0, 64, 192, 16_384, 16_385][random(5)] ?? 0)),
      ordered: true,
    },
    {
      title: 'xskmap',
      attr: attr(BPF_MAP_TYPE_XSKMAP, 5, fdSized),
      key: word(8),
      value: fds([tcp1, udp, hash]),
      ordered: true,
    },
    {
      title: 'sockmap',
      attr: attr(BPF_MAP_TYPE_SOCKMAP, 5, fdSized),
      key: word(8),
      value: fds([tcp1, tcp2, hash]),
      ordered: true,
      noLookup: true,
    },
    {
      title: 'sockhash',
      attr: attr(BPF_MAP_TYPE_SOCKHASH, 5, fdSized),
      key: word(8),
      value: fds([tcp1, tcp2, hash]),
      noLookup: true,
    },
    {
      title: 'reuseport_sockarray',
      attr: attr(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 5, fdSized),
      key: word(8),
      value: fds([tcp1, udp, hash]),
      ordered: true,
    },
    {
      title: 'sk_storage',
      attr: (side) => ({
        ...attr(BPF_MAP_TYPE_SK_STORAGE, 0, { value_size: 4, map_flags: 1 })(side),
        btf_fd: btf[side],
        btf_key_type_id: int,
        btf_value_type_id: int,
      }),
      key: fds([tcp1, tcp2, udp, hash]),
      ordered: true,
    },
  ];
}
