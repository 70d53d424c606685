// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_LRU_PERCPU_HASH. @see kernel/bpf/hashtab.c, htab_lru_percpu_map_ops
import { BPF_EXIST, BPF_F_NO_COMMON_LRU, BPF_MAP_TYPE_LRU_PERCPU_HASH, EINVAL, ENOMEM } from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapTypeDef } from '@tsbpf/core';
import { presenceError } from '../object/flags.ts';
import { emitPercpuHashLookup } from '../emit/percpu.ts';
import { htabAllocCheck } from './alloc-check.ts';
import { findElem, hashKey, linkElem, lookupElem } from './htab-elem.ts';
import { HtabCursor } from './htab-cursor.ts';
import { allocHtab, type HtabMap } from './htab-map.ts';
import { htabDelete } from './htab-update.ts';
import { htabLookupBatch, htabNextKey } from './htab-walk.ts';
import { readCpuValues, sysLookupCpuValues, thisCpuValue, writeCpuValues, type CpuScope } from './percpu-values.ts';

/** Overwrites in place. Unless it must exist, an element is taken first, and given back where it was not needed. */
function update(map: HtabMap, keyOff: number, valueOff: number, flags: number, scope: CpuScope): Errno {
  if (flags > BPF_EXIST) return -EINVAL;
  const key = map.keyIndex(keyOff);
  const hash = hashKey(map, key);
  const taken = flags === BPF_EXIST ? 0 : (map.lru?.take(hash) ?? 0);
  if (taken === 0 && flags !== BPF_EXIST) return -ENOMEM;
  const old = findElem(map, key, hash);
  const err = presenceError(old !== 0, flags);
  if (err === 0 && old === 0) {
    if (!map.rules.has('percpu-new-elem-stale')) {
      map.mem.fill(taken + map.valueAt, map.syscallValueSize, 0);
    }
    writeCpuValues(map, taken, valueOff, scope);
    linkElem(map, taken, key, hash);
    return 0;
  }
  if (err === 0) {
    map.lru?.touch(old);
    writeCpuValues(map, old, valueOff, scope);
  }
  if (taken !== 0) map.lru?.giveBack(taken);
  return err;
}

export const lruPercpuHashMapType: MapTypeDef<HtabMap> = defineMapType<HtabMap>({
  type: BPF_MAP_TYPE_LRU_PERCPU_HASH,
  name: 'lru_percpu_hash',
  since: '4.10',
  kernelStruct: 'bpf_htab',
  hashed: true,
  allocCheck: (params, kernel) => htabAllocCheck(params, kernel, { percpu: true, lru: true }),
  alloc: (params, kernel) =>
    allocHtab(params, kernel, lruPercpuHashMapType, {
      percpu: true,
      lru: true,
      percpuLru: (params.flags & BPF_F_NO_COMMON_LRU) !== 0,
    }),
  opSymbols: {
    lookup: 'htab_lru_percpu_map_lookup_elem',
    update: 'htab_lru_percpu_map_update_elem',
    delete: 'htab_lru_map_delete_elem',
  },
  ops: {
    lookup(map, keyOff) {
      const elem = lookupElem(map, keyOff);
      if (elem === 0) return 0;
      map.lru?.touch(elem);
      return thisCpuValue(map, elem);
    },
    update: (map, keyOff, valueOff, flags) => update(map, keyOff, valueOff, flags, 'this'),
    delete: htabDelete,
    sysLookup: sysLookupCpuValues,
    sysUpdate: (map, keyOff, valueOff, flags) => update(map, keyOff, valueOff, flags, 'all'),
    sysDelete: htabDelete,
    getNextKey: htabNextKey,
    walk: (map) => new HtabCursor(map),
    lookupBatch: (map, batch) => htabLookupBatch(map, batch, readCpuValues),
    genericBatch: ['update', 'delete'],
    free: (map) => map.release(),
    emitWasm: emitPercpuHashLookup,
  },
});
