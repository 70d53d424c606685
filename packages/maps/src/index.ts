// SPDX-License-Identifier: MIT
import type { MapTypeDef } from '@tsbpf/core';
import { arrayMapType } from './array/array.ts';
import { percpuArrayMapType } from './array/percpu-array.ts';
import { progArrayMapType } from './array/prog-array.ts';
import { hashMapType } from './hash/hash-map.ts';
import { lruHashMapType } from './hash/lru-hash.ts';
import { lruPercpuHashMapType } from './hash/lru-percpu-hash.ts';
import { percpuHashMapType } from './hash/percpu-hash.ts';
import { arrayOfMapsMapType } from './inner/array-of-maps.ts';
import { hashOfMapsMapType } from './inner/hash-of-maps.ts';
import { lpmTrieMapType } from './lpm/lpm-trie.ts';
import { queueMapType, stackMapType } from './queue/queue-stack.ts';

/** The generic map types, in the order of `include/linux/bpf_types.h`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each row has its own map type
export const mapTypes: readonly MapTypeDef<any>[] = [
  arrayMapType,
  percpuArrayMapType,
  progArrayMapType,
  hashMapType,
  percpuHashMapType,
  lruHashMapType,
  lruPercpuHashMapType,
  lpmTrieMapType,
  arrayOfMapsMapType,
  hashOfMapsMapType,
  queueMapType,
  stackMapType,
];

export {
  arrayMapType,
  percpuArrayMapType,
  progArrayMapType,
  hashMapType,
  percpuHashMapType,
  lruHashMapType,
  lruPercpuHashMapType,
  lpmTrieMapType,
  arrayOfMapsMapType,
  hashOfMapsMapType,
  queueMapType,
  stackMapType,
};

// Mechanics for types that other packages own.
export { MapObject, chargeAndAlloc, type MapInit } from './object/map-object.ts';
export { ACCESS_MASK, accessOk, flagsOk, presenceError, updateFlagsOk } from './object/flags.ts';
export { copyBytes, copyValueIn, copyValueOut } from './object/copy.ts';
export { arrayValueOff, htabElemLayout, mapStructSize, type HtabElemLayout } from './object/layout.ts';
export { ElemPool, POOL_STATE_SIZE } from './object/elem-pool.ts';
export { MAP_RULES, mapRule, mapRulesOf, type MapRule, type MapRuleName } from './object/rules.ts';
export {
  KMALLOC_MAX_SIZE,
  MAX_KEY_SIZE,
  PAGE_SIZE,
  PERCPU_MAX_SIZE,
  pageAlign,
  roundUp8,
  roundUpPow2,
} from './object/sizes.ts';
export {
  ArrayMap,
  allocArray,
  arrayAllocCheck,
  arrayCheckBtf,
  arrayDelete,
  arrayElem,
  arrayNextKey,
  type ArrayInit,
  type ArrayShape,
} from './array/array-map.ts';
export {
  pointAt,
  pointedTo,
  pointerArrayAllocCheck,
  pointerClear,
  pointerDelete,
  pointerLookup,
  pointerUpdate,
  type PointerHooks,
} from './array/pointer-array.ts';
export { ProgArrayMap, type ProgArrayOwner } from './array/prog-array.ts';
export { HtabMap, allocHtab, unlinkElem, type HtabShape } from './hash/htab-map.ts';
export { findElem, freeElem, hashKey, linkElem, lookupElem, lookupValue } from './hash/htab-elem.ts';
export { htabAllocCheck } from './hash/alloc-check.ts';
export { htabDelete, htabRemove, htabUpdate, takeElem } from './hash/htab-update.ts';
export { eachElem, htabLookupBatch, htabNextKey } from './hash/htab-walk.ts';
export { getInnerMap, innerTemplate, matchesTemplate, type InnerTemplate } from './inner/inner-map.ts';
