// SPDX-License-Identifier: MIT
// BPF_MAP_LOOKUP_BATCH, LOOKUP_AND_DELETE_BATCH, UPDATE_BATCH, DELETE_BATCH. @see kernel/bpf/syscall.c, bpf_map_do_batch
import { BPF_F_LOCK, EFAULT, EINTR, EINVAL, ENOENT, ENOMEM, ENOTSUPP, type BatchAttr } from '@tsbpf/uapi';
import type { BpfMap, MapBatch } from '@tsbpf/core';
import { copyIn, copyOut, mapForAccess, writing } from './map-elem.ts';
import type { Command } from '../command.ts';
import type { KernelState } from '../kernel-state.ts';

/** How often a key that vanished between "next" and "lookup" is tried again. */
const MAX_RETRIES = 3;

type BatchOp = 'lookup' | 'lookupAndDelete' | 'update' | 'delete';

function batch(op: BatchOp): (k: KernelState, attr: BatchAttr) => number {
  const reads = op === 'lookup' || op === 'lookupAndDelete';
  const writes = op !== 'lookup';
  return (k, attr) => {
    const map = mapForAccess(k, attr.map_fd, reads ? 'read' : 'write');
    if (typeof map === 'number') return map;
    if (reads && writes) {
      const writable = mapForAccess(k, attr.map_fd, 'write');
      if (typeof writable === 'number') return writable;
    }
    return writes ? writing(map, () => run(k, map, op, attr)) : run(k, map, op, attr);
  };
}

function run(k: KernelState, map: BpfMap, op: BatchOp, attr: BatchAttr): number {
  const { ops } = map.def;
  const own = (op === 'lookup' || op === 'lookupAndDelete') && ops.lookupBatch !== undefined;
  if (!own && ops.genericBatch?.includes(op) !== true) return -ENOTSUPP;
  const elemFlags = attr.elem_flags ?? 0n;
  if ((elemFlags & ~BigInt(BPF_F_LOCK)) !== 0n || (own && (attr.flags ?? 0n) !== 0n)) return -EINVAL;
  if (elemFlags !== 0n && map.spinLockOff < 0) return -EINVAL;
  const max = (attr.count ?? 0) >>> 0;
  if (max === 0) return 0;
  if (own) return ownLookup(k, map, attr, max, op === 'lookupAndDelete');
  if (op === 'update') return genericUpdate(k, map, attr, max);
  if (op === 'delete') return genericDelete(k, map, attr, max);
  return genericLookup(k, map, attr, max);
}

const keyAt = (attr: BatchAttr, map: BpfMap, i: number): Uint8Array | undefined =>
  attr.keys?.subarray(i * map.keySize, (i + 1) * map.keySize);
const valueAt = (attr: BatchAttr, map: BpfMap, i: number): Uint8Array | undefined =>
  attr.values?.subarray(i * map.syscallValueSize, (i + 1) * map.syscallValueSize);

function genericUpdate(k: KernelState, map: BpfMap, attr: BatchAttr, max: number): number {
  const key = k.scratch.get(0, Math.max(8, map.keySize));
  const value = k.scratch.get(1, Math.max(8, map.syscallValueSize));
  if (key === 0 || value === 0) return -ENOMEM;
  let done = 0;
  let err = 0;
  for (; done < max; done++) {
    const userKey = keyAt(attr, map, done);
    const userValue = valueAt(attr, map, done);
    if ((userKey?.length ?? 0) < map.keySize || (userValue?.length ?? 0) < map.syscallValueSize) err = -EFAULT;
    else {
      copyIn(k, key, userKey ?? new Uint8Array(), map.keySize);
      copyIn(k, value, userValue ?? new Uint8Array(), map.syscallValueSize);
      err = map.def.ops.sysUpdate?.(map, key, value, Number(attr.elem_flags ?? 0n)) ?? -ENOTSUPP;
    }
    if (err < 0) break;
  }
  attr.count = done;
  return err < 0 ? err : 0;
}

function genericDelete(k: KernelState, map: BpfMap, attr: BatchAttr, max: number): number {
  const key = k.scratch.get(0, Math.max(8, map.keySize));
  if (key === 0) return -ENOMEM;
  let done = 0;
  let err = 0;
  for (; done < max; done++) {
    const userKey = keyAt(attr, map, done);
    if ((userKey?.length ?? 0) < map.keySize) err = -EFAULT;
    else {
      copyIn(k, key, userKey ?? new Uint8Array(), map.keySize);
      err = map.def.ops.sysDelete?.(map, key) ?? -ENOTSUPP;
    }
    if (err < 0) break;
  }
  attr.count = done;
  return err < 0 ? err : 0;
}

function genericLookup(k: KernelState, map: BpfMap, attr: BatchAttr, max: number): number {
  const { ops } = map.def;
  const prev = k.scratch.get(0, Math.max(8, map.keySize));
  const value = k.scratch.get(1, Math.max(8, map.syscallValueSize));
  const next = k.scratch.get(2, Math.max(8, map.keySize));
  if (prev === 0 || value === 0 || next === 0) return -ENOMEM;
  attr.count = 0;
  let from = 0;
  if (attr.in_batch !== undefined) {
    if (attr.in_batch.length < map.keySize) return -EFAULT;
    copyIn(k, prev, attr.in_batch, map.keySize);
    from = prev;
  }
  let err = ops.getNextKey?.(map, from, next) ?? -ENOTSUPP;
  if (err < 0) return err;
  let done = 0;
  let retries = MAX_RETRIES;
  while (done < max) {
    err = ops.sysLookup?.(map, next, value, Number(attr.elem_flags ?? 0n)) ?? -ENOTSUPP;
    if (err === -ENOENT && retries > 0) {
      retries--;
      err = ops.getNextKey?.(map, from, next) ?? -ENOTSUPP;
      if (err < 0) break;
      continue;
    }
    if (err === -ENOENT) err = -EINTR;
    if (err < 0) break;
    err =
      copyOut(k, next, keyAt(attr, map, done), map.keySize) ||
      copyOut(k, value, valueAt(attr, map, done), map.syscallValueSize);
    if (err < 0) break;
    k.mem.copy(prev, next, map.keySize);
    from = prev;
    done++;
    retries = MAX_RETRIES;
    if (done === max) break;
    err = ops.getNextKey?.(map, from, next) ?? -ENOTSUPP;
    if (err < 0) break;
  }
  if (err === -EFAULT) return err;
  attr.count = done;
  if (done > 0 && copyOut(k, prev, attr.out_batch, map.keySize) < 0) return -EFAULT;
  return err < 0 ? err : 0;
}

/** Bytes of a hash table's cursor: a bucket number. */
const CURSOR_SIZE = 4;
/** The cursor of a lookup that began beyond the last bucket: none is written. */
const NO_CURSOR = -1;

function ownLookup(k: KernelState, map: BpfMap, attr: BatchAttr, max: number, remove: boolean): number {
  attr.count = 0;
  let cursor: number | undefined;
  if (attr.in_batch !== undefined) {
    if (attr.in_batch.length < CURSOR_SIZE) return -EFAULT;
    cursor = new DataView(attr.in_batch.buffer, attr.in_batch.byteOffset).getUint32(0, true);
  }
  const room = Math.min(max, Math.max(1, map.maxEntries));
  const keysOff = k.mem.alloc(Math.max(8, room * map.keySize), { kind: 'syscall' });
  const valuesOff = k.mem.alloc(Math.max(8, room * map.syscallValueSize), { kind: 'syscall' });
  const b: MapBatch = {
    cursor,
    keysOff,
    valuesOff,
    max: room,
    remove,
    elemFlags: Number(attr.elem_flags ?? 0n),
    nextCursor: NO_CURSOR,
    count: 0,
  };
  try {
    if (keysOff === 0 || valuesOff === 0) return -ENOMEM;
    const err = map.def.ops.lookupBatch?.(map, b) ?? -ENOTSUPP;
    const failed =
      copyOut(k, keysOff, attr.keys, b.count * map.keySize) ||
      copyOut(k, valuesOff, attr.values, b.count * map.syscallValueSize);
    if (failed < 0) return failed;
    if (b.nextCursor === NO_CURSOR) return err;
    if (attr.out_batch === undefined || attr.out_batch.length < CURSOR_SIZE) return -EFAULT;
    new DataView(attr.out_batch.buffer, attr.out_batch.byteOffset).setUint32(0, b.nextCursor, true);
    attr.count = b.count;
    return err;
  } finally {
    if (keysOff !== 0) k.mem.free(keysOff);
    if (valuesOff !== 0) k.mem.free(valuesOff);
  }
}

export const mapLookupBatch: Command<24> = batch('lookup');
export const mapLookupAndDeleteBatch: Command<25> = batch('lookupAndDelete');
export const mapUpdateBatch: Command<26> = batch('update');
export const mapDeleteBatch: Command<27> = batch('delete');
