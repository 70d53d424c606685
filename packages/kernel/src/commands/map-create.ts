// SPDX-License-Identifier: MIT
// BPF_MAP_CREATE. @see kernel/bpf/syscall.c, map_create
import {
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY,
  BPF_F_WRONLY,
  BPF_MAP_TYPE_STRUCT_OPS,
  EINVAL,
  ENOMEM,
  type MapCreateAttr,
} from '@tsbpf/uapi';
import type { BpfMap, MapParams } from '@tsbpf/core';
import { checkMapBtf } from './map-btf.ts';
import { checkName } from '../state/names.ts';
import { installMap } from './map-file.ts';
import type { Command } from '../command.ts';
import type { KernelState } from '../kernel-state.ts';

const paramsOf = (attr: MapCreateAttr): MapParams => ({
  type: attr.map_type,
  keySize: (attr.key_size ?? 0) >>> 0,
  valueSize: (attr.value_size ?? 0) >>> 0,
  maxEntries: (attr.max_entries ?? 0) >>> 0,
  flags: (attr.map_flags ?? 0) >>> 0,
  numaNode: ((attr.map_flags ?? 0) & BPF_F_NUMA_NODE) !== 0 ? (attr.numa_node ?? 0) | 0 : -1,
  innerMapFd: attr.inner_map_fd ?? 0,
  btfFd: attr.btf_fd ?? 0,
  btfKeyTypeId: attr.btf_key_type_id ?? 0,
  btfValueTypeId: attr.btf_value_type_id ?? 0,
  btfVmlinuxValueTypeId: attr.btf_vmlinux_value_type_id ?? 0,
});

/** Undoes an allocation that no fd refers to yet. */
function discard(k: KernelState, map: BpfMap): void {
  k.objects.gone(map);
  map.btf?.put();
  map.def.ops.free(map);
}

export const mapCreate: Command<0> = (k, attr) => {
  const params = paramsOf(attr);
  if (params.btfVmlinuxValueTypeId !== 0) {
    if (params.type !== BPF_MAP_TYPE_STRUCT_OPS || params.btfKeyTypeId !== 0 || params.btfValueTypeId !== 0)
      return -EINVAL;
  } else if (params.btfKeyTypeId !== 0 && params.btfValueTypeId === 0) return -EINVAL;
  const access = params.flags & (BPF_F_RDONLY | BPF_F_WRONLY);
  if (access === (BPF_F_RDONLY | BPF_F_WRONLY)) return -EINVAL;
  // One NUMA node: 0.
  if (params.numaNode !== -1 && params.numaNode !== 0) return -EINVAL;

  const def = k.mapTypes.get(params.type);
  if (def === undefined || (attr.map_ifindex ?? 0) !== 0) return -EINVAL;
  const bad = def.allocCheck(params, k);
  if (bad < 0) return bad;
  const map = def.alloc(params, k) as BpfMap | number;
  if (typeof map === 'number') return map;
  k.objects.add(map);

  let err = checkName(attr.map_name);
  if (err === 0) {
    map.name = attr.map_name ?? '';
    err = checkMapBtf(k, map, params);
  }
  if (err < 0) {
    discard(k, map);
    return err;
  }
  if (k.scratch.get(0, Math.max(8, map.keySize)) === 0 || k.scratch.get(1, Math.max(8, map.syscallValueSize)) === 0) {
    discard(k, map);
    return -ENOMEM;
  }
  map.id = k.maps.add(map);
  map.refs = 1;
  map.userRefs = 1;
  const fd = installMap(k, map, { read: (access & BPF_F_WRONLY) === 0, write: (access & BPF_F_RDONLY) === 0 });
  if (fd < 0) k.mapPutUser(map);
  return fd;
};
