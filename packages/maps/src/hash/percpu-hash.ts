// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_PERCPU_HASH. @see kernel/bpf/hashtab.c, htab_percpu_map_ops
import { BPF_EXIST, BPF_MAP_TYPE_PERCPU_HASH, EINVAL, ENOMEM } from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapTypeDef } from '@tsbpf/core';
import { emitPercpuHashLookup } from '../emit/percpu.ts';
import { presenceError } from '../object/flags.ts';
import { PERCPU_MAX_SIZE } from '../object/sizes.ts';
import { htabAllocCheck } from './alloc-check.ts';
import { findElem, hashKey, linkElem, lookupElem } from './htab-elem.ts';
import { HtabCursor } from './htab-cursor.ts';
import { allocHtab, type HtabMap } from './htab-map.ts';
import { htabDelete, takeElem } from './htab-update.ts';
import { htabLookupBatch, htabNextKey } from './htab-walk.ts';
import { readCpuValues, sysLookupCpuValues, thisCpuValue, writeCpuValues, type CpuScope } from './percpu-values.ts';

/** Overwrites in place; a new element of a preallocated map keeps what other CPUs had in it. */
function update(map: HtabMap, keyOff: number, valueOff: number, flags: number, scope: CpuScope): Errno {
  if (flags > BPF_EXIST) return -EINVAL;
  const key = map.keyIndex(keyOff);
  const hash = hashKey(map, key);
  const old = findElem(map, key, hash);
  const err = presenceError(old !== 0, flags);
  if (err < 0) return err;
  if (old !== 0) {
    writeCpuValues(map, old, valueOff, scope);
    return 0;
  }
  if (map.valueStride > PERCPU_MAX_SIZE) return -ENOMEM;
  const elem = takeElem(map, 0);
  if (elem < 0) return elem;
  if (map.pool !== undefined || !map.rules.has('percpu-new-elem-stale')) {
    map.mem.fill(elem + map.valueAt, map.syscallValueSize, 0);
  }
  writeCpuValues(map, elem, valueOff, scope);
  linkElem(map, elem, key, hash);
  return 0;
}

export const percpuHashMapType: MapTypeDef<HtabMap> = defineMapType<HtabMap>({
  type: BPF_MAP_TYPE_PERCPU_HASH,
  name: 'percpu_hash',
  since: '4.6',
  kernelStruct: 'bpf_htab',
  hashed: true,
  allocCheck: (params, kernel) => htabAllocCheck(params, kernel, { percpu: true }),
  alloc: (params, kernel) => allocHtab(params, kernel, percpuHashMapType, { percpu: true }),
  opSymbols: {
    lookup: 'htab_percpu_map_lookup_elem',
    update: 'htab_percpu_map_update_elem',
    delete: 'htab_map_delete_elem',
  },
  ops: {
    lookup(map, keyOff) {
      const elem = lookupElem(map, keyOff);
      return elem === 0 ? 0 : thisCpuValue(map, elem);
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
