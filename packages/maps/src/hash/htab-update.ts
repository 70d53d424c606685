// SPDX-License-Identifier: MIT
// Updates and deletions of tables that fill up. @see kernel/bpf/hashtab.c, htab_map_update_elem
import { BPF_F_LOCK, E2BIG, EINVAL, ENOENT, ENOMEM } from '@tsbpf/uapi';
import type { Errno } from '@tsbpf/core';
import { copyBytes, copyValueIn } from '../object/copy.ts';
import { presenceError, updateFlagsOk } from '../object/flags.ts';
import { findElem, freeElem, hashKey, linkElem, replaceElem } from './htab-elem.ts';
import { unlinkElem, type HtabMap } from './htab-map.ts';

/** An own constant: V8 loads those of other modules wherever they are used. */
const LOCK = BPF_F_LOCK;

/** Gives a new element its place in the walk order; false where memory is exhausted. */
function hasOrder(map: HtabMap, elem: number): boolean {
  const at = (elem >>> 2) + map.orderWord;
  if (map.mem.u32[at] !== 0) return true;
  const word = map.order.take();
  map.mem.u32[at] = word;
  return word !== 0;
}

/** An element for a key that is absent (`old` 0), or about to be replaced; -E2BIG or -ENOMEM. */
export function takeElem(map: HtabMap, old: number): number {
  if (map.preallocated !== undefined) {
    return (old !== 0 ? map.preallocated.swapSpare(old) : map.preallocated.take()) || -E2BIG;
  }
  if (old === 0 && map.count >= map.maxEntries) return -E2BIG;
  const elem = map.pool?.alloc() ?? 0;
  if (elem === 0) return -ENOMEM;
  if (old === 0 && !hasOrder(map, elem)) {
    map.pool?.freeNow(elem);
    return -ENOMEM;
  }
  map.count++;
  if (map.spinLockOff >= 0) map.mem.write32(elem + map.valueAt + map.spinLockOff, 0);
  return elem;
}

/**
 * Inserts a new element, or replaces an old one by a new one: who holds the old value keeps seeing it. With F_LOCK an
 * old value is overwritten in place.
 */
export function htabUpdate(map: HtabMap, keyOff: number, valueOff: number, flags: number): Errno {
  if (!updateFlagsOk(flags)) return -EINVAL;
  const locked = (flags & LOCK) !== 0;
  if (locked && map.spinLockOff < 0) return -EINVAL;
  const key = map.keyIndex(keyOff);
  const hash = hashKey(map, key);
  const old = findElem(map, key, hash);
  const err = presenceError(old !== 0, flags);
  if (err < 0) return err;
  if (locked && old !== 0) {
    copyValueIn(map, old + map.valueAt, valueOff);
    return 0;
  }
  const elem = takeElem(map, old);
  if (elem < 0) return elem;
  if (map.spinLockOff < 0) copyBytes(map.mem, elem + map.valueAt, valueOff, map.slotSize);
  else copyValueIn(map, elem + map.valueAt, valueOff);
  if (old === 0) linkElem(map, elem, key, hash);
  else {
    replaceElem(map, elem, key, hash, old);
    if (map.preallocated === undefined) freeElem(map, old);
  }
  return 0;
}

/** Takes out the element of a key: its offset, or -ENOENT. It is not freed yet. */
export function htabRemove(map: HtabMap, keyOff: number): number {
  const key = map.keyIndex(keyOff);
  const elem = findElem(map, key, hashKey(map, key));
  if (elem === 0) return -ENOENT;
  unlinkElem(map, elem);
  return elem;
}

export function htabDelete(map: HtabMap, keyOff: number): Errno {
  const elem = htabRemove(map, keyOff);
  if (elem < 0) return elem;
  freeElem(map, elem);
  return 0;
}
