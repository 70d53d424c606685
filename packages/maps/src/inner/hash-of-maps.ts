// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_HASH_OF_MAPS. @see kernel/bpf/hashtab.c, htab_of_maps_map_ops
import { BPF_MAP_TYPE_HASH_OF_MAPS, EINVAL, ENOENT } from '@tsbpf/uapi';
import { defineMapType, type BpfMap, type Errno, type MapTypeDef } from '@tsbpf/core';
import { htabAllocCheck } from '../hash/alloc-check.ts';
import { genHashOfMapsLookup } from '../hash/gen-lookup.ts';
import { lookupElem, lookupValue } from '../hash/htab-elem.ts';
import { allocHtab, type HtabMap } from '../hash/htab-map.ts';
import { htabDelete, htabUpdate } from '../hash/htab-update.ts';
import { eachElem, htabNextKey } from '../hash/htab-walk.ts';
import { getInnerMap, innerTemplate } from './inner-map.ts';
import { emitHashOfMapsLookup } from '../emit/hash.ts';

/** Bytes of a pointer. */
const SLOT_SIZE = 8;

function putInner(map: HtabMap, elem: number): void {
  const inner = map.kernel.objects.get<BpfMap>(map.mem.read32(elem + map.valueAt), 'map');
  if (inner !== undefined) map.kernel.mapPut(inner);
}

function sysUpdate(map: HtabMap, keyOff: number, valueOff: number, flags: number): Errno {
  const inner = getInnerMap(map, map.mem.readS32(valueOff));
  if (typeof inner === 'number') return inner;
  const old = lookupValue(map, keyOff);
  const replaced = old === 0 ? undefined : map.kernel.objects.get<BpfMap>(map.mem.read32(old), 'map');
  map.mem.write64(map.pointerScratch, inner.addr);
  const err = htabUpdate(map, keyOff, map.pointerScratch, flags);
  if (err < 0) map.kernel.mapPut(inner);
  else if (replaced !== undefined && map.preallocated !== undefined) {
    // Tables that allocate on demand have dropped it with the element.
    if (!map.rules.has('hash-of-maps-replace-leaks')) map.kernel.mapPut(replaced);
  }
  return err;
}

export const hashOfMapsMapType: MapTypeDef<HtabMap> = defineMapType<HtabMap>({
  type: BPF_MAP_TYPE_HASH_OF_MAPS,
  name: 'hash_of_maps',
  since: '4.12',
  kernelStruct: 'bpf_htab',
  hashed: true,
  onlyHelpers: ['map_lookup_elem'],
  lookupResult: 'innerMap',
  noBtf: true,
  fdValues: true,
  allocCheck: (params, kernel) => (params.valueSize !== 4 ? -EINVAL : htabAllocCheck(params, kernel)),
  alloc(params, kernel) {
    const template = innerTemplate(kernel, params.innerMapFd);
    if (typeof template === 'number') return template;
    const map = allocHtab(params, kernel, hashOfMapsMapType, { slotSize: SLOT_SIZE });
    if (typeof map === 'number') return map;
    map.innerMap = template;
    map.onFree = (elem) => putInner(map, elem);
    return map;
  },
  genLookup: genHashOfMapsLookup,
  opSymbols: {
    lookup: 'htab_of_map_lookup_elem',
    lookupRaw: '__htab_map_lookup_elem',
    delete: 'htab_map_delete_elem',
  },
  ops: {
    lookup(map, keyOff) {
      const value = lookupValue(map, keyOff);
      return value === 0 ? 0 : map.mem.read32(value);
    },
    lookupRaw: lookupElem,
    sysLookup(map, keyOff, valueOff) {
      const value = lookupValue(map, keyOff);
      const inner = value === 0 ? undefined : map.kernel.objects.get<BpfMap>(map.mem.read32(value), 'map');
      if (inner === undefined) return -ENOENT;
      map.mem.write32(valueOff, inner.id);
      return 0;
    },
    sysUpdate,
    sysDelete: htabDelete,
    getNextKey: htabNextKey,
    emitWasm: emitHashOfMapsLookup,
    free(map) {
      eachElem(map, (elem) => putInner(map, elem));
      map.release();
    },
  },
});
