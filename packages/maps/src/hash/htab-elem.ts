// SPDX-License-Identifier: MIT
// Finding, taking, linking and freeing elements. @see kernel/bpf/hashtab.c
import { enterOrder, swapOrder, type HtabMap } from './htab-map.ts';
import { hashWords } from './hash.ts';

/** Hash of the key at a word index. */
export function hashKey(map: HtabMap, keyIndex: number): number {
  return hashWords(map.mem.i32, keyIndex, map.keyWords, map.seed);
}

/** The element with this key; 0 where there is none. */
export function findElem(map: HtabMap, keyIndex: number, hash: number): number {
  const { u32, i32 } = map.mem;
  const { keyWords, nextWord, hashWord, keyWord } = map;
  let elem = u32[(map.bucketsOff >>> 2) + (hash & map.bucketMask)];
  while (elem !== 0) {
    const at = elem >>> 2;
    if (i32[at + hashWord] === hash) {
      let i = 0;
      while (i < keyWords && i32[at + keyWord + i] === i32[keyIndex + i]) i++;
      if (i === keyWords) return elem;
    }
    elem = u32[at + nextWord];
  }
  return 0;
}

/** Offset of the element structure, or 0. */
export function lookupElem(map: HtabMap, keyOff: number): number {
  const key = map.keyIndex(keyOff);
  return findElem(map, key, hashKey(map, key));
}

/** Offset of the value (of CPU 0's), or 0. */
export function lookupValue(map: HtabMap, keyOff: number): number {
  const elem = lookupElem(map, keyOff);
  return elem === 0 ? 0 : elem + map.valueAt;
}

/** Writes key and hash, and puts the element first in its bucket. */
export function linkElem(map: HtabMap, elem: number, keyIndex: number, hash: number): void {
  const { u32 } = map.mem;
  writeKey(map, elem, keyIndex, hash);
  const bucket = (map.bucketsOff >>> 2) + (hash & map.bucketMask);
  u32[(elem >>> 2) + map.nextWord] = u32[bucket];
  u32[bucket] = elem;
  enterOrder(map, elem);
}

/** The same where `old` has the key: the new element takes over its place in the walk order, and `old` is in no bucket. */
export function replaceElem(map: HtabMap, elem: number, keyIndex: number, hash: number, old: number): void {
  const { u32 } = map.mem;
  const { nextWord } = map;
  writeKey(map, elem, keyIndex, hash);
  const bucket = (map.bucketsOff >>> 2) + (hash & map.bucketMask);
  const first = u32[bucket];
  const next = u32[(old >>> 2) + nextWord];
  u32[bucket] = elem;
  u32[(elem >>> 2) + nextWord] = first === old ? next : first;
  if (first !== old) {
    let link = (first >>> 2) + nextWord;
    while (u32[link] !== old) link = (u32[link] >>> 2) + nextWord;
    u32[link] = next;
  }
  swapOrder(map, elem, old);
}

function writeKey(map: HtabMap, elem: number, keyIndex: number, hash: number): void {
  const { i32 } = map.mem;
  const at = elem >>> 2;
  const keyAt = at + map.keyWord;
  for (let i = 0; i < map.keyWords; i++) i32[keyAt + i] = i32[keyIndex + i];
  i32[at + map.hashWord] = hash;
}

/** Returns an unlinked element to where it came from. */
export function freeElem(map: HtabMap, elem: number): void {
  map.onFree?.(elem);
  if (map.lru !== undefined) map.lru.giveBack(elem);
  else if (map.preallocated !== undefined) map.preallocated.give(elem);
  else {
    map.count--;
    map.pool?.freeLater(elem);
  }
}
