// SPDX-License-Identifier: MIT
import {
  BPF_F_MMAPABLE,
  BPF_F_RDONLY_PROG,
  BPF_MAP_CREATE,
  BPF_MAP_FREEZE,
  BPF_MAP_TYPE_ARENA,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_CGROUP_ARRAY,
  BPF_MAP_TYPE_CPUMAP,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_PROG_ARRAY,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_RINGBUF,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE_STACK,
  BPF_MAP_TYPE_STACK_TRACE,
  BPF_MAP_TYPE_USER_RINGBUF,
  BPF_MAP_TYPE_XSKMAP,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_PIN,
  EINVAL,
  ENOENT,
  EPERM,
  errnoText,
  NotSupportedError,
  type MapCreateAttr,
  type MapInfo,
} from '@tsbpf/uapi';
import { BpfMap } from '../handle/map.ts';
import type { MapSpec } from '../open/spec.ts';
import { newerMap } from './newer.ts';
import type { LoadState } from './state.ts';
import type { KernelStructOps } from './struct-ops.ts';

const OBJ_NAME_MAX = 15;
const PAGE_SIZE = 4096;

/** Types whose keys and values the kernel takes no BTF for. */
const WITHOUT_BTF: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_CGROUP_ARRAY,
  BPF_MAP_TYPE_STACK_TRACE,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_TYPE_CPUMAP,
  BPF_MAP_TYPE_XSKMAP,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  BPF_MAP_TYPE_ARENA,
]);

/** A ring is a power of two of pages. */
function ringSize(bytes: number): number {
  if (bytes === 0 || (bytes % PAGE_SIZE === 0 && (bytes & (bytes - 1)) === 0)) return bytes;
  let size = PAGE_SIZE;
  while (size < bytes) size *= 2;
  return size <= 0xffffffff ? size : bytes;
}

function createAttr(state: LoadState, spec: MapSpec): MapCreateAttr {
  if (spec.mapExtra !== 0n) {
    throw new NotSupportedError(`map '${spec.name}': map_extra is no field of bpf(2) in Linux 5.6`, {
      errno: EINVAL,
      feature: 'bpf_attr.map_extra',
      since: '5.16',
    });
  }
  return {
    map_type: spec.type,
    key_size: spec.keySize,
    value_size: spec.valueSize,
    max_entries: spec.maxEntries,
    map_flags: spec.mapFlags,
    ...(spec.numaNode === 0 ? {} : { numa_node: spec.numaNode }),
    ...(state.features.has('progName') ? { map_name: spec.name.slice(0, OBJ_NAME_MAX) } : {}),
    ...(state.btfFd >= 0 && !WITHOUT_BTF.has(spec.type) && spec.kind !== 'struct_ops'
      ? { btf_fd: state.btfFd, btf_key_type_id: spec.btfKeyTypeId, btf_value_type_id: spec.btfValueTypeId }
      : {}),
  };
}

/** MAP_CREATE, a second time without types where the kernel does not like them. The result is an fd or -errno. */
function create(state: LoadState, spec: MapSpec, attr: MapCreateAttr): number {
  const fd = state.sys.bpf(BPF_MAP_CREATE, attr);
  if (fd >= 0 || ((attr.btf_key_type_id ?? 0) === 0 && (attr.btf_value_type_id ?? 0) === 0)) return fd;
  state.print('warn', `Error in bpf_create_map_xattr(${spec.name}):${errnoText(-fd)}(${fd}). Retrying without BTF.`);
  const { btf_fd: _fd, btf_key_type_id: _key, btf_value_type_id: _value, ...plain } = attr;
  return state.sys.bpf(BPF_MAP_CREATE, plain);
}

/** A perf event array without a size has an element for each CPU; a ring has as many bytes as rings can have. */
function settleSize(state: LoadState, spec: MapSpec): void {
  if (spec.type === BPF_MAP_TYPE_PERF_EVENT_ARRAY && spec.maxEntries === 0) {
    spec.maxEntries = state.sys.possibleCpus();
    state.print('debug', `map '${spec.name}': setting size to ${spec.maxEntries}`);
  }
  if (spec.type === BPF_MAP_TYPE_RINGBUF || spec.type === BPF_MAP_TYPE_USER_RINGBUF) {
    spec.maxEntries = ringSize(spec.maxEntries);
  }
}

function createMap(state: LoadState, map: BpfMap, kern: KernelStructOps | undefined): number {
  const { sys, refuse, btfFd } = state;
  const { spec } = map;
  settleSize(state, spec);
  if (kern !== undefined) spec.valueSize = kern.value.length;
  const attr = createAttr(state, spec);
  if (kern !== undefined) {
    attr.btf_vmlinux_value_type_id = kern.valueTypeId;
    if (btfFd >= 0) attr.btf_fd = btfFd;
  }
  let innerFd = -1;
  if (spec.inner !== undefined) {
    settleSize(state, spec.inner);
    innerFd = create(state, spec.inner, createAttr(state, spec.inner));
    if (innerFd < 0) {
      refuse(`map '${map.name}': failed to create inner map: ${innerFd}`, {
        errno: -innerFd,
        map: map.name,
        hint: newerMap(sys, spec.inner),
      });
    }
    attr.inner_map_fd = innerFd;
  }
  const fd = create(state, spec, attr);
  if (innerFd >= 0) sys.close(innerFd);
  if (fd < 0) {
    refuse(`map '${map.name}': failed to create: ${errnoText(-fd)}(${fd})`, {
      errno: -fd,
      map: map.name,
      hint: newerMap(sys, spec),
    });
  }
  state.print('debug', `map '${map.name}': created successfully, fd=${fd}`);
  return fd;
}

/** What the kernel adds to or keeps out of a map's flags. */
const comparable = (type: number, flags: number): number =>
  type === BPF_MAP_TYPE_DEVMAP || type === BPF_MAP_TYPE_DEVMAP_HASH ? flags & ~BPF_F_RDONLY_PROG : flags;

/** Takes a pinned map of the same shape. The result is its fd; undefined where nothing is pinned there. */
function reusePinned(state: LoadState, map: BpfMap, pathname: string): number | undefined {
  const { sys, refuse, print } = state;
  const fd = sys.bpf(BPF_OBJ_GET, { pathname });
  if (fd === -ENOENT) {
    print('debug', `found no pinned map to reuse at '${pathname}'`);
    return undefined;
  }
  const fail = (text: string, errno: number): never => refuse(text, { errno, map: map.name });
  if (fd < 0) return fail(`couldn't retrieve pinned map '${pathname}': ${errnoText(-fd)}`, -fd);
  const info: MapInfo = {};
  const result = sys.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
  const same =
    result >= 0 &&
    info.type === map.type &&
    info.key_size === map.keySize &&
    info.value_size === map.valueSize &&
    info.max_entries === map.maxEntries &&
    comparable(map.type, info.map_flags ?? 0) === comparable(map.type, map.mapFlags);
  if (!same) {
    sys.close(fd);
    return fail(`couldn't reuse pinned map at '${pathname}': parameter mismatch`, EINVAL);
  }
  print('debug', `reused pinned map at '${pathname}'`);
  return fd;
}

/** Gives an internal map its bytes; what programs may only read, nobody may change from then on. */
function populate(state: LoadState, map: BpfMap): void {
  const { sys, refuse, print } = state;
  const { data, kind } = map.spec;
  if (data === undefined || kind === 'struct_ops') return;
  const result = sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: map.fd, key: new Uint8Array(4), value: data, flags: 0n });
  if (result < 0) {
    refuse(`map '${map.name}': failed to set initial contents: ${errnoText(-result)}`, {
      errno: -result,
      map: map.name,
    });
  }
  if (kind !== 'rodata' && kind !== 'kconfig') return;
  const frozen = sys.bpf(BPF_MAP_FREEZE, { map_fd: map.fd });
  if (frozen < 0 && frozen !== -EPERM) {
    refuse(`map '${map.name}': failed to freeze as read-only: ${errnoText(-frozen)}`, {
      errno: -frozen,
      map: map.name,
    });
  } else if (frozen < 0) print('warn', `map '${map.name}': failed to freeze as read-only: ${errnoText(-frozen)}`);
}

/** Puts the elements that the object's initialisers name: maps now, programs once they are loaded. */
export function fillSlots(state: LoadState, map: BpfMap): void {
  const { sys, refuse, maps, progs, print } = state;
  for (const [index, slot] of map.spec.slots ?? []) {
    const found = 'map' in slot ? maps.find((m) => m.name === slot.map) : progs.find((p) => p.name === slot.prog);
    const targetName = 'map' in slot ? `map '${slot.map}'` : `prog '${slot.prog}'`;
    if (found === undefined) continue;
    // What was not loaded has no fd: the kernel says so.
    const exists = found instanceof BpfMap ? found.exists : found.loaded;
    const fd = exists ? found.fd : -ENOENT;
    const key = new Uint8Array(4);
    const value = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, index, state.spec.elf.littleEndian);
    new DataView(value.buffer).setInt32(0, fd, state.spec.elf.littleEndian);
    const result = sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: map.fd, key, value, flags: 0n });
    if (result < 0) {
      refuse(`map '${map.name}': failed to initialize slot [${index}] to ${targetName} fd=${fd}: ${result}`, {
        errno: -result,
        map: map.name,
      });
    }
    print('debug', `map '${map.name}': slot [${index}] set to ${targetName} fd=${fd}`);
  }
}

function slotsExist(state: LoadState, map: BpfMap): boolean {
  for (const slot of map.spec.slots?.values() ?? []) {
    if ('map' in slot && !state.maps.some((m) => m.name === slot.map && m.exists)) return false;
  }
  return true;
}

/** Makes every map that is wanted, or takes it from where it is pinned. */
export function createMaps(state: LoadState, structOps: ReadonlyMap<BpfMap, KernelStructOps>): void {
  const { sys, refuse } = state;
  // Without global data, a program that uses a section's variables fails to verify; the others load all the same.
  for (const map of state.maps) {
    const internal = map.kind !== 'user' && map.kind !== 'struct_ops';
    if (internal && map.autocreate && !state.features.has('globalData')) map.autocreate = false;
  }
  const pending = state.maps.filter((map) => map.autocreate);
  for (const map of state.maps) {
    if (!map.autocreate) state.print('debug', `map '${map.name}': skipped auto-creating...`);
  }
  const waiting: BpfMap[] = [];
  for (const map of pending) {
    const { spec } = map;
    if ((spec.mapFlags & BPF_F_MMAPABLE) !== 0 && spec.kind !== 'user' && !state.features.has('arrayMmap')) {
      spec.mapFlags &= ~BPF_F_MMAPABLE;
    }
    if (map.exists) continue;
    const path = map.pinPath;
    const pinned = path === undefined ? undefined : reusePinned(state, map, path);
    const fd = pinned ?? createMap(state, map, structOps.get(map));
    map.adoptFd(fd, { reused: pinned !== undefined });
    if (pinned !== undefined) continue;
    populate(state, map);
    if (map.type !== BPF_MAP_TYPE_PROG_ARRAY && map.spec.slots !== undefined) {
      // An initialiser may name a map that comes later in the object.
      if (slotsExist(state, map)) fillSlots(state, map);
      else waiting.push(map);
    }
    if (path === undefined) continue;
    const result = sys.bpf(BPF_OBJ_PIN, { pathname: path, bpf_fd: fd });
    if (result < 0) {
      refuse(`map '${map.name}': failed to auto-pin at '${path}': ${result}`, { errno: -result, map: map.name });
    }
    state.print('debug', `pinned map '${path}'`);
  }
  for (const map of waiting) fillSlots(state, map);
}
