// SPDX-License-Identifier: MIT
// Iteration: bucket after bucket, within a bucket the newest element first. @see kernel/bpf/hashtab.c
import { ENOENT, ENOSPC } from '@tsbpf/uapi';
import type { Errno, MapBatch } from '@tsbpf/core';
import { copyBytes } from '../object/copy.ts';
import { findElem, freeElem, hashKey } from './htab-elem.ts';
import { leaveOrder, type HtabMap } from './htab-map.ts';

/** The first element of the first bucket from `bucket` on that has one; 0 at the end. */
function firstFrom(map: HtabMap, bucket: number): number {
  const { u32 } = map.mem;
  const first = map.bucketsOff >>> 2;
  const end = first + map.bucketMask + 1;
  for (let at = first + bucket; at < end; at++) if (u32[at] !== 0) return u32[at];
  return 0;
}

/** The key after the one given; a key that is absent leads to the first. */
export function htabNextKey(map: HtabMap, keyOff: number, nextOff: number): Errno {
  let next = 0;
  let bucket = 0;
  if (keyOff !== 0) {
    const key = map.keyIndex(keyOff);
    const hash = hashKey(map, key);
    const elem = findElem(map, key, hash);
    if (elem !== 0) {
      next = map.mem.u32[(elem >>> 2) + map.nextWord];
      bucket = (hash & map.bucketMask) + 1;
    }
  }
  if (next === 0) next = firstFrom(map, bucket);
  if (next === 0) return -ENOENT;
  copyBytes(map.mem, nextOff, next + map.layout.key, map.keySize);
  return 0;
}

/** Calls `visit` with each element; it may not change the table. */
export function eachElem(map: HtabMap, visit: (elem: number) => void): void {
  for (let bucket = 0; bucket <= map.bucketMask; bucket++) {
    let elem = map.mem.u32[(map.bucketsOff >>> 2) + bucket];
    for (; elem !== 0; elem = map.mem.u32[(elem >>> 2) + map.nextWord]) visit(elem);
  }
}

/** Whole buckets from the cursor on, as many as fit; a cursor beyond the last bucket leaves `nextCursor` alone. `copyOut` copies a value as system calls see it. */
export function htabLookupBatch(
  map: HtabMap,
  batch: MapBatch,
  copyOut: (map: HtabMap, dst: number, elem: number) => void,
): Errno {
  const { mem, keySize, syscallValueSize, bucketMask } = map;
  const buckets = map.bucketsOff >>> 2;
  let bucket = batch.cursor ?? 0;
  batch.count = 0;
  if (bucket > bucketMask) return -ENOENT;
  for (; bucket <= bucketMask; bucket++) {
    const { u32 } = mem;
    const head = u32[buckets + bucket];
    if (head === 0) continue;
    let length = 0;
    for (let elem = head; elem !== 0; elem = u32[(elem >>> 2) + map.nextWord]) length++;
    if (length > batch.max - batch.count) {
      batch.nextCursor = bucket;
      return batch.count === 0 ? -ENOSPC : 0;
    }
    for (let elem = head; elem !== 0;) {
      copyBytes(mem, batch.keysOff + batch.count * keySize, elem + map.layout.key, keySize);
      copyOut(map, batch.valuesOff + batch.count * syscallValueSize, elem);
      batch.count++;
      const following = u32[(elem >>> 2) + map.nextWord];
      if (batch.remove) {
        u32[buckets + bucket] = following;
        leaveOrder(map, elem);
        freeElem(map, elem);
      }
      elem = following;
    }
  }
  batch.nextCursor = bucketMask + 1;
  return -ENOENT;
}
