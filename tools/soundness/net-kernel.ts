// SPDX-License-Identifier: MIT
// A simulated kernel whose verifier is watched, and the maps that random programs use.
import type { BpfMap, BpfProg } from '../../packages/core/src/index.ts';
import { createInterpreter } from '../../packages/interpreter/src/index.ts';
import { createKernel, type Kernel } from '../../packages/kernel/src/index.ts';
import { netOf } from '../../packages/net/src/index.ts';
import { defaultRegistries } from '../../packages/tsbpf/src/index.ts';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
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
  BPF_MAP_TYPE_STACK_TRACE,
  BPF_MAP_UPDATE_ELEM,
  InternalError,
  type MapCreateAttr,
} from '../../packages/uapi/src/index.ts';
import { verifyObserved as ownVerifier, type PathObserver } from '../../packages/verifier/src/index.ts';
import { vmlinuxBtf } from '../../packages/vmlinux/src/index.ts';
import { btfBlob } from '../selftests/btf-blob.ts';

/** The verifier under test: the workspace's, or a copy with a bug in it. */
export type VerifyObserved = typeof ownVerifier;

/** A map that programs are given. */
export interface NetMap {
  readonly name: string;
  readonly fd: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** Bytes of `struct bpf_spin_lock` at the start of the value. */
  readonly lockBytes: number;
}

export type MapName = 'array' | 'single' | 'hash' | 'percpuArray' | 'percpuHash' | 'lru' | 'lpm' | 'locked' | 'outer';
export type SpecialMapName = 'queue' | 'progs' | 'perf' | 'stacks';

export interface NetKernel {
  readonly kernel: Kernel;
  readonly maps: Readonly<Record<MapName | SpecialMapName, NetMap>>;
  /** Who watches the next load. */
  observer: PathObserver | undefined;
  progOf(fd: number): BpfProg;
  mapOf(fd: number): BpfMap;
}

const SIZES: Readonly<Record<MapName | SpecialMapName, MapCreateAttr>> = {
  array: { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 48, max_entries: 3 },
  single: { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 56, max_entries: 1 },
  hash: { map_type: BPF_MAP_TYPE_HASH, key_size: 8, value_size: 40, max_entries: 16 },
  percpuArray: { map_type: BPF_MAP_TYPE_PERCPU_ARRAY, key_size: 4, value_size: 24, max_entries: 3 },
  percpuHash: { map_type: BPF_MAP_TYPE_PERCPU_HASH, key_size: 4, value_size: 32, max_entries: 16 },
  lru: { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 4, value_size: 64, max_entries: 16 },
  lpm: { map_type: BPF_MAP_TYPE_LPM_TRIE, key_size: 8, value_size: 16, max_entries: 16, map_flags: 1 },
  locked: { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 8, max_entries: 2 },
  outer: { map_type: BPF_MAP_TYPE_ARRAY_OF_MAPS, key_size: 4, value_size: 4, max_entries: 2 },
  queue: { map_type: BPF_MAP_TYPE_QUEUE, key_size: 0, value_size: 8, max_entries: 4 },
  progs: { map_type: BPF_MAP_TYPE_PROG_ARRAY, key_size: 4, value_size: 4, max_entries: 2 },
  perf: { map_type: BPF_MAP_TYPE_PERF_EVENT_ARRAY, key_size: 4, value_size: 4, max_entries: 2 },
  stacks: { map_type: BPF_MAP_TYPE_STACK_TRACE, key_size: 4, value_size: 64, max_entries: 4 },
};

/** `int`, `struct bpf_spin_lock { int val; }` and `struct { struct bpf_spin_lock l; int n; }`: types 1 to 3. */
function lockTypes(): Uint8Array {
  const strings = new TextEncoder().encode('\0int\0bpf_spin_lock\0val\0v\0l\0n\0');
  const at = (name: string): number => new TextDecoder().decode(strings).indexOf(`\0${name}\0`) + 1;
  const words = [
    ...[at('int'), 1 << 24, 4, 0x1000020],
    ...[at('bpf_spin_lock'), (4 << 24) | 1, 4, at('val'), 1, 0],
    ...[at('v'), (4 << 24) | 2, 8, at('l'), 2, 0, at('n'), 1, 32],
  ];
  return btfBlob(new Uint8Array(Uint32Array.from(words).buffer), strings);
}

/** A kernel with maps that have entries. Its verifier shows each load to `observer`. */
export function createNetKernel(verify: VerifyObserved = ownVerifier): NetKernel {
  const net: { observer: PathObserver | undefined } = { observer: undefined };
  const kernel = createKernel({
    version: '5.6',
    registries: defaultRegistries(),
    verify: (env, prog, options) =>
      verify(env, prog, options ?? {}, net.observer ?? { step: () => undefined, pruned: () => undefined }),
    executor: (services) => createInterpreter(services, { checked: true }),
    vmlinux: vmlinuxBtf(),
  });
  netOf(kernel.state).createDevice({ name: 'eth0' });
  const made = (what: string, result: number): number => {
    if (result < 0) throw new InternalError(`the net's ${what}: ${result}`);
    return result;
  };
  const create = (name: string, attr: MapCreateAttr): NetMap => ({
    name,
    fd: made(name, kernel.bpf(BPF_MAP_CREATE, attr)),
    keySize: attr.key_size ?? 0,
    valueSize: attr.value_size ?? 0,
    lockBytes: name === 'locked' ? 4 : 0,
  });
  const btf_fd = made('BTF', kernel.bpf(BPF_BTF_LOAD, { btf: lockTypes() }));
  const maps = {} as Record<MapName | SpecialMapName, NetMap>;
  for (const name of Object.keys(SIZES) as (MapName | SpecialMapName)[]) {
    const attr: MapCreateAttr = { ...SIZES[name] };
    if (name === 'locked') Object.assign(attr, { btf_fd, btf_key_type_id: 1, btf_value_type_id: 3 });
    if (name === 'outer') attr.inner_map_fd = maps.array.fd;
    maps[name] = create(name, attr);
  }
  const put = (map: NetMap, key: readonly number[], value: Uint8Array): void => {
    made(map.name, kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: map.fd, key: Uint8Array.from(key), value }));
  };
  const inner = create('inner', SIZES.array);
  put(maps.outer, [0, 0, 0, 0], new Uint8Array(Uint32Array.of(inner.fd).buffer));
  put(maps.hash, [1, 0, 0, 0, 0, 0, 0, 0], new Uint8Array(40).fill(0x5a));
  put(maps.lru, [1, 0, 0, 0], new Uint8Array(64).fill(0xff));
  put(maps.lpm, [8, 0, 0, 0, 1, 0, 0, 0], new Uint8Array(16).fill(7));
  return Object.assign(net, {
    kernel,
    maps,
    progOf: (fd: number): BpfProg => {
      const file = kernel.state.fds.get(fd, 'prog');
      if (typeof file === 'number') throw new InternalError(`fd ${fd} is no program`);
      return file.prog;
    },
    mapOf: (fd: number): BpfMap => {
      const file = kernel.state.fds.get(fd, 'map');
      if (typeof file === 'number') throw new InternalError(`fd ${fd} is no map`);
      return file.map;
    },
  });
}
