// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_LRU_HASH. @see kernel/bpf/hashtab.c, htab_lru_map_ops
import { BPF_EXIST, BPF_F_NO_COMMON_LRU, BPF_MAP_TYPE_LRU_HASH, EINVAL, ENOENT, ENOMEM } from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapTypeDef } from '@tsbpf/core';
import { copyBytes } from '../object/copy.ts';
import { presenceError } from '../object/flags.ts';
import { htabAllocCheck } from './alloc-check.ts';
import { genLruHashLookup } from './gen-lookup.ts';
import { findElem, hashKey, linkElem, lookupElem, replaceElem } from './htab-elem.ts';
import { HtabCursor } from './htab-cursor.ts';
import { allocHtab, type HtabMap } from './htab-map.ts';
import { htabDelete } from './htab-update.ts';
import { htabLookupBatch, htabNextKey } from './htab-walk.ts';
import { emitLruHashLookup } from '../emit/hash.ts';

/** Takes an element before it looks for the key: replacing may evict another one, too, or even the one it replaces. */
function update(map: HtabMap, keyOff: number, valueOff: number, flags: number): Errno {
  if (flags > BPF_EXIST) return -EINVAL;
  const key = map.keyIndex(keyOff);
  const hash = hashKey(map, key);
  const elem = map.lru?.take(hash) ?? 0;
  if (elem === 0) return -ENOMEM;
  copyBytes(map.mem, elem + map.valueAt, valueOff, map.valueSize);
  const old = findElem(map, key, hash);
  const err = presenceError(old !== 0, flags);
  if (err < 0) {
    map.lru?.giveBack(elem);
    return err;
  }
  if (old === 0) linkElem(map, elem, key, hash);
  else {
    replaceElem(map, elem, key, hash, old);
    map.lru?.touch(elem);
    map.lru?.giveBack(old);
  }
  return 0;
}

const copyOut = (map: HtabMap, dst: number, elem: number): void =>
  copyBytes(map.mem, dst, elem + map.valueAt, map.valueSize);

export const lruHashMapType: MapTypeDef<HtabMap> = defineMapType<HtabMap>({
  type: BPF_MAP_TYPE_LRU_HASH,
  name: 'lru_hash',
  since: '4.10',
  kernelStruct: 'bpf_htab',
  hashed: true,
  allocCheck: (params, kernel) => htabAllocCheck(params, kernel, { lru: true }),
  alloc: (params, kernel) =>
    allocHtab(params, kernel, lruHashMapType, {
      lru: true,
      percpuLru: (params.flags & BPF_F_NO_COMMON_LRU) !== 0,
    }),
  genLookup: genLruHashLookup,
  opSymbols: {
    lookup: 'htab_lru_map_lookup_elem',
    lookupRaw: '__htab_map_lookup_elem',
    update: 'htab_lru_map_update_elem',
    delete: 'htab_lru_map_delete_elem',
  },
  ops: {
    lookup(map, keyOff) {
      const elem = lookupElem(map, keyOff);
      if (elem === 0) return 0;
      map.lru?.touch(elem);
      return elem + map.valueAt;
    },
    lookupRaw: lookupElem,
    update,
    delete: htabDelete,
    // Not a use, so that dumping a map does not upset the order of eviction.
    sysLookup(map, keyOff, valueOff) {
      const elem = lookupElem(map, keyOff);
      if (elem === 0) return -ENOENT;
      copyOut(map, valueOff, elem);
      return 0;
    },
    sysUpdate: update,
    sysDelete: htabDelete,
    getNextKey: htabNextKey,
    walk: (map) => new HtabCursor(map),
    lookupBatch: (map, batch) => htabLookupBatch(map, batch, copyOut),
    genericBatch: ['update', 'delete'],
    emitWasm: emitLruHashLookup,
    free: (map) => map.release(),
  },
});
