// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_ARRAY. @see kernel/bpf/arraymap.c, array_map_ops
import {
  BPF_F_LOCK,
  BPF_F_MMAPABLE,
  BPF_MAP_TYPE_ARRAY,
  BPF_NOEXIST,
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOTSUPP,
} from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapFacts, type MapTypeDef } from '@tsbpf/core';
import { copyValueIn, copyValueOut } from '../object/copy.ts';
import { updateFlagsOk } from '../object/flags.ts';
import { pageAlign } from '../object/sizes.ts';
import {
  ArrayMap,
  allocArray,
  arrayAllocCheck,
  arrayCheckBtf,
  arrayDelete,
  arrayElem,
  arrayNextKey,
  freeArray,
} from './array-map.ts';
import { ArrayCursor } from './array-cursor.ts';
import { genArrayLookup } from './gen-lookup.ts';
import { emitArrayLookup } from '../emit/array.ts';

function update(map: ArrayMap, keyOff: number, valueOff: number, flags: number): Errno {
  if (!updateFlagsOk(flags)) return -EINVAL;
  const elem = arrayElem(map, keyOff);
  if (elem === 0) return -E2BIG;
  if ((flags & BPF_NOEXIST) !== 0) return -EEXIST;
  if ((flags & BPF_F_LOCK) !== 0 && map.spinLockOff < 0) return -EINVAL;
  copyValueIn(map, elem, valueOff);
  return 0;
}

/** The address of a byte of the only element; more than one element has no fixed meaning. */
function directValue(map: MapFacts, off: number): bigint | number {
  if (map.maxEntries !== 1) return -ENOTSUPP;
  if (off >= map.valueSize) return -EINVAL;
  const base = map instanceof ArrayMap ? map.mem.toAddr(map.dataOff) : map.addr;
  return base + BigInt(off);
}

export const arrayMapType: MapTypeDef<ArrayMap> = defineMapType<ArrayMap>({
  type: BPF_MAP_TYPE_ARRAY,
  name: 'array',
  since: '3.19',
  kernelStruct: 'bpf_array',
  spinLocks: true,
  allocCheck: (params) => arrayAllocCheck(params),
  alloc: (params, kernel) => allocArray(params, kernel, arrayMapType),
  directValue,
  genLookup: genArrayLookup,
  opSymbols: {
    lookup: 'array_map_lookup_elem',
    update: 'array_map_update_elem',
    delete: 'array_map_delete_elem',
  },
  ops: {
    lookup: arrayElem,
    update,
    delete: arrayDelete,
    sysLookup(map, keyOff, valueOff) {
      const elem = arrayElem(map, keyOff);
      if (elem === 0) return -ENOENT;
      copyValueOut(map, valueOff, elem);
      return 0;
    },
    sysUpdate: update,
    sysDelete: arrayDelete,
    getNextKey: arrayNextKey,
    walk: (map) => new ArrayCursor(map),
    genericBatch: ['lookup', 'update'],
    checkBtf: arrayCheckBtf,
    mmap(map) {
      if ((map.flags & BPF_F_MMAPABLE) === 0) return -EINVAL;
      return { off: map.dataOff, lenBytes: pageAlign(map.maxEntries * map.stride) };
    },
    emitWasm: emitArrayLookup,
    free: freeArray,
  },
});
