// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import { BPF_MAP_CREATE, BPF_OBJ_GET_INFO_BY_FD, type MapInfo, type Sys } from '@tsbpf/uapi';
import { emptyMapSpec } from '../maps/btf-map-def.ts';
import type { MapSpec } from '../open/spec.ts';
import { BpfMap, type MapValue } from './map.ts';
import { must } from './syscall.ts';

/** A map without an object. Sizes in bytes. */
export interface CreateMapOptions {
  readonly name?: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  readonly keySize?: number;
  readonly valueSize?: number;
  readonly maxEntries?: number;
  /** BPF_F_* of BPF_MAP_CREATE. */
  readonly flags?: number;
  /** The template of the maps inside a map of maps. */
  readonly inner?: { readonly fd: number };
  /** Types of the key and the value: ids in `btf`, which only the JS side sees; `btfFd` is what the kernel gets. */
  readonly btf?: Btf;
  readonly btfFd?: number;
  readonly keyTypeId?: number;
  readonly valueTypeId?: number;
}

function specOf(spec: Partial<MapSpec> & Pick<MapSpec, 'type'>): MapSpec {
  return { ...emptyMapSpec({ name: '', kind: 'user', secName: '', secIdx: -1, secOffset: 0 }), ...spec };
}

function handle<K, V>(sys: Sys, fd: number, spec: MapSpec, btf: Btf | undefined): BpfMap<K, V> {
  const littleEndian = btf?.littleEndian ?? true;
  const map = new BpfMap<K, V>({ spec, sys, btf, littleEndian, pinRootPath: '' });
  map.adoptFd(fd, { reused: false });
  return map;
}

/** Makes a map. The fd is the caller's to close. @throws SyscallError where the kernel refuses */
export function createMap<K = MapValue, V = MapValue>(sys: Sys, options: CreateMapOptions): BpfMap<K, V> {
  const { name = '', type, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0 } = options;
  const { inner, btf, btfFd, keyTypeId = 0, valueTypeId = 0 } = options;
  const attr = {
    map_type: type,
    key_size: keySize,
    value_size: valueSize,
    max_entries: maxEntries,
    map_flags: flags,
    map_name: name,
    ...(inner === undefined ? {} : { inner_map_fd: inner.fd }),
    ...(btfFd === undefined ? {} : { btf_fd: btfFd, btf_key_type_id: keyTypeId, btf_value_type_id: valueTypeId }),
  };
  const fd = must(sys, BPF_MAP_CREATE, attr, `map '${name}': create`);
  const types = { btfKeyTypeId: keyTypeId, btfValueTypeId: valueTypeId };
  const spec = specOf({ name, type, keySize, valueSize, maxEntries, mapFlags: flags, ...types });
  return handle(sys, fd, spec, btf);
}

/**
 * A handle for a map that exists, such as one that another loader made or that was pinned. `btf` holds the types that
 * the kernel says the map has.
 * @throws SyscallError where the fd is no map's
 */
export function openMap<K = MapValue, V = MapValue>(
  sys: Sys,
  fd: number,
  options: { readonly btf?: Btf } = {},
): BpfMap<K, V> {
  const info: MapInfo = {};
  must(sys, BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info }, `fd ${fd}`);
  const typed = options.btf !== undefined;
  const spec = specOf({
    name: info.name ?? '',
    type: info.type ?? 0,
    keySize: info.key_size ?? 0,
    valueSize: info.value_size ?? 0,
    maxEntries: info.max_entries ?? 0,
    mapFlags: info.map_flags ?? 0,
    btfKeyTypeId: typed ? (info.btf_key_type_id ?? 0) : 0,
    btfValueTypeId: typed ? (info.btf_value_type_id ?? 0) : 0,
  });
  return handle(sys, fd, spec, options.btf);
}
