// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_ARRAY_OF_MAPS. @see kernel/bpf/arraymap.c, array_of_maps_map_ops
import { BPF_MAP_TYPE_ARRAY_OF_MAPS } from '@tsbpf/uapi';
import { defineMapType, type BpfMap, type MapTypeDef } from '@tsbpf/core';
import { allocArray, arrayElem, arrayNextKey, type ArrayMap } from '../array/array-map.ts';
import { genArrayOfMapsLookup } from '../array/gen-lookup.ts';
import {
  pointerArrayAllocCheck,
  pointerClear,
  pointerDelete,
  pointerLookup,
  pointerUpdate,
  type PointerHooks,
} from '../array/pointer-array.ts';
import { getInnerMap, innerTemplate } from './inner-map.ts';
import { emitArrayOfMapsLookup } from '../emit/array.ts';

const innerMaps: PointerHooks<BpfMap> = {
  kind: 'map',
  get: getInnerMap,
  put: (map, inner) => map.kernel.mapPut(inner),
};

export const arrayOfMapsMapType: MapTypeDef<ArrayMap> = defineMapType<ArrayMap>({
  type: BPF_MAP_TYPE_ARRAY_OF_MAPS,
  name: 'array_of_maps',
  since: '4.12',
  kernelStruct: 'bpf_array',
  onlyHelpers: ['map_lookup_elem'],
  lookupResult: 'innerMap',
  noBtf: true,
  fdValues: true,
  allocCheck: pointerArrayAllocCheck,
  alloc(params, kernel) {
    const template = innerTemplate(kernel, params.innerMapFd);
    if (typeof template === 'number') return template;
    const map = allocArray(params, kernel, arrayOfMapsMapType);
    if (typeof map !== 'number') map.innerMap = template;
    return map;
  },
  genLookup: genArrayOfMapsLookup,
  opSymbols: { lookup: 'array_of_map_lookup_elem', delete: 'fd_array_map_delete_elem' },
  ops: {
    lookup(map, keyOff) {
      const elem = arrayElem(map, keyOff);
      return elem === 0 ? 0 : map.mem.read32(elem);
    },
    sysLookup: (map, keyOff, valueOff) => pointerLookup(map, keyOff, valueOff, innerMaps),
    sysUpdate: (map, keyOff, valueOff, flags) => pointerUpdate(map, keyOff, valueOff, flags, innerMaps),
    sysDelete: (map, keyOff) => pointerDelete(map, keyOff, innerMaps),
    getNextKey: arrayNextKey,
    emitWasm: emitArrayOfMapsLookup,
    free(map) {
      pointerClear(map, innerMaps);
      map.release();
    },
  },
});
