// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_HASH. @see kernel/bpf/hashtab.c, htab_map_ops
import { BPF_MAP_TYPE_HASH, ENOENT } from '@tsbpf/uapi';
import { defineMapType, type MapTypeDef } from '@tsbpf/core';
import { copyValueOut } from '../object/copy.ts';
import { htabAllocCheck } from './alloc-check.ts';
import { genHashLookup } from './gen-lookup.ts';
import { lookupElem, lookupValue } from './htab-elem.ts';
import { HtabCursor } from './htab-cursor.ts';
import { allocHtab, type HtabMap } from './htab-map.ts';
import { htabDelete, htabUpdate } from './htab-update.ts';
import { htabLookupBatch, htabNextKey } from './htab-walk.ts';
import { emitHashOp } from '../emit/hash.ts';

const copyOut = (map: HtabMap, dst: number, elem: number): void => copyValueOut(map, dst, elem + map.valueAt);

export const hashMapType: MapTypeDef<HtabMap> = defineMapType<HtabMap>({
  type: BPF_MAP_TYPE_HASH,
  name: 'hash',
  since: '3.19',
  kernelStruct: 'bpf_htab',
  hashed: true,
  spinLocks: true,
  allocCheck: (params, kernel) => htabAllocCheck(params, kernel),
  alloc: (params, kernel) => allocHtab(params, kernel, hashMapType),
  genLookup: genHashLookup,
  opSymbols: {
    lookup: 'htab_map_lookup_elem',
    lookupRaw: '__htab_map_lookup_elem',
    update: 'htab_map_update_elem',
    delete: 'htab_map_delete_elem',
  },
  ops: {
    lookup: lookupValue,
    lookupRaw: lookupElem,
    update: htabUpdate,
    delete: htabDelete,
    sysLookup(map, keyOff, valueOff) {
      const elem = lookupElem(map, keyOff);
      if (elem === 0) return -ENOENT;
      copyOut(map, valueOff, elem);
      return 0;
    },
    sysUpdate: htabUpdate,
    sysDelete: htabDelete,
    getNextKey: htabNextKey,
    walk: (map) => new HtabCursor(map),
    lookupBatch: (map, batch) => htabLookupBatch(map, batch, copyOut),
    genericBatch: ['update', 'delete'],
    emitWasm: emitHashOp,
    free: (map) => map.release(),
  },
});
