// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_PERCPU_ARRAY. @see kernel/bpf/arraymap.c, percpu_array_map_ops
import {
  BPF_EXIST,
  BPF_F_LOCK,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_NOEXIST,
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
} from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapTypeDef } from '@tsbpf/core';
import { emitPercpuArrayLookup } from '../emit/percpu.ts';
import { copyBytes } from '../object/copy.ts';
import { updateFlagsOk } from '../object/flags.ts';
import { ArrayCursor } from './array-cursor.ts';
import {
  allocArray,
  arrayAllocCheck,
  arrayCheckBtf,
  arrayDelete,
  arrayElem,
  arrayNextKey,
  freeArray,
  type ArrayMap,
} from './array-map.ts';

/** The value of the CPU that runs; 0 beyond the end. */
function lookup(map: ArrayMap, keyOff: number): number {
  const elem = arrayElem(map, keyOff);
  return elem === 0 ? 0 : elem + map.kernel.env.cpu * map.cpuStride;
}

/** Programs write the value of their CPU only. */
function update(map: ArrayMap, keyOff: number, valueOff: number, flags: number): Errno {
  if (!updateFlagsOk(flags)) return -EINVAL;
  const value = lookup(map, keyOff);
  if (value === 0) return -E2BIG;
  if ((flags & BPF_NOEXIST) !== 0) return -EEXIST;
  if ((flags & BPF_F_LOCK) !== 0 && map.spinLockOff < 0) return -EINVAL;
  copyBytes(map.mem, value, valueOff, map.valueSize);
  return 0;
}

/** System calls write the values of all CPUs, the padding between them included. @see bpf_percpu_array_update */
function sysUpdate(map: ArrayMap, keyOff: number, valueOff: number, flags: number): Errno {
  if (flags > BPF_EXIST) return -EINVAL;
  const elem = arrayElem(map, keyOff);
  if (elem === 0) return -E2BIG;
  if (flags === BPF_NOEXIST) return -EEXIST;
  copyBytes(map.mem, elem, valueOff, map.stride);
  return 0;
}

export const percpuArrayMapType: MapTypeDef<ArrayMap> = defineMapType<ArrayMap>({
  type: BPF_MAP_TYPE_PERCPU_ARRAY,
  name: 'percpu_array',
  since: '4.6',
  kernelStruct: 'bpf_array',
  allocCheck: (params) => arrayAllocCheck(params, { percpu: true }),
  alloc: (params, kernel) => allocArray(params, kernel, percpuArrayMapType, { percpu: true }),
  opSymbols: {
    lookup: 'percpu_array_map_lookup_elem',
    update: 'array_map_update_elem',
    delete: 'array_map_delete_elem',
  },
  ops: {
    lookup,
    update,
    delete: arrayDelete,
    sysLookup(map, keyOff, valueOff) {
      const elem = arrayElem(map, keyOff);
      if (elem === 0) return -ENOENT;
      copyBytes(map.mem, valueOff, elem, map.stride);
      return 0;
    },
    sysUpdate,
    sysDelete: arrayDelete,
    getNextKey: arrayNextKey,
    walk: (map) => new ArrayCursor(map),
    checkBtf: arrayCheckBtf,
    free: freeArray,
    emitWasm: emitPercpuArrayLookup,
  },
});
