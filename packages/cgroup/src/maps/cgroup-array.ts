// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_CGROUP_ARRAY. @see kernel/bpf/arraymap.c, cgroup_array_map_ops
import { BPF_MAP_TYPE_CGROUP_ARRAY, ENOTSUPP } from '@tsbpf/uapi';
import { defineMapType, type MapTypeDef } from '@tsbpf/core';
import {
  allocArray,
  arrayNextKey,
  pointedTo,
  pointerArrayAllocCheck,
  pointerClear,
  pointerDelete,
  pointerUpdate,
  type ArrayMap,
  type PointerHooks,
} from '@tsbpf/maps';
import { cgroupsOf } from '../cgroups.ts';
import { cgroupOfFd } from '../tree/cgroup-file.ts';
import type { Cgroup } from '../tree/cgroup.ts';

const cgroups: PointerHooks<Cgroup> = {
  kind: 'cgroup',
  get({ kernel }, fd) {
    const cgroup = cgroupOfFd(kernel, fd);
    if (typeof cgroup !== 'number') cgroupsOf(kernel).hold(cgroup);
    return cgroup;
  },
  put: ({ kernel }, cgroup) => cgroupsOf(kernel).put(cgroup),
};

/** The cgroup in a slot that exists; undefined for an empty one. */
export function cgroupInSlot(map: ArrayMap, index: number): Cgroup | undefined {
  return pointedTo<Cgroup>(map, map.dataOff + index * map.stride, 'cgroup');
}

export const cgroupArrayMapType: MapTypeDef<ArrayMap> = defineMapType<ArrayMap>({
  type: BPF_MAP_TYPE_CGROUP_ARRAY,
  name: 'cgroup_array',
  since: '4.8',
  kernelStruct: 'bpf_array',
  onlyHelpers: ['skb_under_cgroup', 'current_task_under_cgroup'],
  fdValues: true,
  noBtf: true,
  allocCheck: pointerArrayAllocCheck,
  alloc: (params, kernel) => allocArray(params, kernel, cgroupArrayMapType),
  ops: {
    sysLookup: () => -ENOTSUPP,
    sysUpdate: (map, keyOff, valueOff, flags) => pointerUpdate(map, keyOff, valueOff, flags, cgroups),
    sysDelete: (map, keyOff) => pointerDelete(map, keyOff, cgroups),
    getNextKey: arrayNextKey,
    free(map) {
      pointerClear(map, cgroups);
      map.release();
    },
  },
});
