// SPDX-License-Identifier: MIT
// A hash table in kernel memory. The README has the layout. @see kernel/bpf/hashtab.c, struct bpf_htab
import { BPF_F_NO_PREALLOC, BPF_F_RDONLY_PROG, BPF_F_ZERO_SEED, E2BIG } from '@tsbpf/uapi';
import type { Errno, KernelServices, MapParams, MapTypeDef } from '@tsbpf/core';
import { ElemPool, POOL_STATE_SIZE } from '../object/elem-pool.ts';
import { MapObject, chargeAndAlloc, type MapInit } from '../object/map-object.ts';
import { htabElemLayout, mapStructSize, type HtabElemLayout } from '../object/layout.ts';
import { BUCKET_SIZE, HTAB_ELEM_SIZE, PERCPU_MAX_SIZE, U32_MAX, roundUp8, roundUpPow2 } from '../object/sizes.ts';
import { copyBytes } from '../object/copy.ts';
import { Lru, lruStateSize } from '../lru/lru.ts';
import { ElemOrder, LIVE, ORDER_STATE_SIZE } from './elem-order.ts';
import { PreallocatedElems, preallocStateSize } from './prealloc.ts';

/** What kind of table a type wants. */
export interface HtabShape {
  /** A value for each CPU. */
  readonly percpu?: boolean;
  /** Evicts instead of filling up. */
  readonly lru?: boolean;
  /** LRU lists per CPU (BPF_F_NO_COMMON_LRU). */
  readonly percpuLru?: boolean;
  /** Bytes of a value as elements hold it, where that is not value_size: pointers. */
  readonly slotSize?: number;
}

/** State behind `struct bpf_map`: element count, padding, the walk order, then scratch room for a key and a pointer. */
const COUNT = 0;
const ORDER = 8;
const SCRATCH = ORDER + ORDER_STATE_SIZE;
/** From an element's link in its bucket to the offset of its word in the walk order: Linux has `pprev` there. */
export const ORDER_FROM_NEXT = 8;

/** An own constant: V8 loads those of other modules wherever they are used. */
const IN_ORDER = LIVE;

interface HtabInit extends MapInit {
  readonly shape: HtabShape;
  readonly layout: HtabElemLayout;
  readonly nBuckets: number;
  readonly elemStride: number;
  readonly bucketsOff: number;
  readonly elemsOff: number;
  readonly stateOff: number;
  readonly order: ElemOrder;
}

/**
 * A hash table. Buckets are words that hold the offset of their first element; elements are `struct htab_elem` followed
 * by the key and, 8-aligned, the value or one value for each CPU. Element counts and free lists are in kernel memory.
 */
export class HtabMap extends MapObject {
  readonly layout: HtabElemLayout;
  /** Buckets: `bucketMask + 1` words. */
  readonly bucketsOff: number;
  readonly bucketMask: number;
  readonly seed: number;
  /** Words of a key, the last one padded with zeroes. */
  readonly keyWords: number;
  /** Words from an element to its links, hash and key. */
  readonly nextWord: number;
  readonly hashWord: number;
  readonly keyWord: number;
  /** Words from an element to the offset of its word in `order`. */
  readonly orderWord: number;
  /** From an element to its value; to CPU 0's. */
  readonly valueAt: number;
  /** Bytes from one CPU's value to the next; of the value where the CPUs share it. */
  readonly valueStride: number;
  /** Bytes of a value that updates copy. */
  readonly slotSize: number;
  readonly elemStride: number;
  readonly preallocated: PreallocatedElems | undefined;
  readonly pool: ElemPool | undefined;
  readonly lru: Lru | undefined;
  /** What walks follow. */
  readonly order: ElemOrder;
  /** Called with an element that is about to be freed, for types whose values hold references. */
  onFree: ((elem: number) => void) | undefined = undefined;
  readonly #elemsOff: number;
  readonly #stateOff: number;
  readonly #paddedKey: boolean;

  constructor(init: HtabInit) {
    super(init);
    const { kernel, params, shape, layout, elemStride, elemsOff } = init;
    this.layout = layout;
    this.bucketsOff = init.bucketsOff;
    this.bucketMask = init.nBuckets - 1;
    this.seed = (params.flags & BPF_F_ZERO_SEED) !== 0 ? 0 : kernel.env.prandomU32() | 0;
    this.keyWords = Math.ceil(params.keySize / 4);
    this.#paddedKey = (params.keySize & 3) !== 0;
    this.nextWord = layout.next >>> 2;
    this.hashWord = layout.hash >>> 2;
    this.keyWord = layout.key >>> 2;
    this.orderWord = (layout.next + ORDER_FROM_NEXT) >>> 2;
    this.order = init.order;
    this.valueAt = layout.key + roundUp8(params.keySize);
    this.slotSize = shape.slotSize ?? params.valueSize;
    this.valueStride = roundUp8(this.slotSize);
    this.elemStride = elemStride;
    this.#elemsOff = elemsOff;
    this.#stateOff = init.stateOff;
    const tail = init.stateOff + SCRATCH + roundUp8(params.keySize) + 8;
    if (shape.lru === true) {
      this.lru = new Lru(kernel, {
        stateOff: tail,
        layout,
        perCpu: shape.percpuLru === true,
        evict: (elem) => unlinkElem(this, elem),
      });
      this.lru.populate(elemsOff, elemStride, this.maxEntries);
    } else if (elemsOff !== 0) {
      this.preallocated = new PreallocatedElems(kernel, { stateOff: tail, elemStride, linkAt: layout.list });
      const extras = shape.percpu === true ? 0 : kernel.env.cpus;
      this.preallocated.populate(elemsOff, this.maxEntries + extras, extras > 0);
    } else {
      this.pool = new ElemPool(kernel, {
        stateOff: tail,
        elemSize: elemStride,
        linkAt: layout.list,
        name: init.def.name,
      });
    }
  }

  /** Elements, of a table that allocates on demand. */
  get count(): number {
    return this.mem.read32(this.#stateOff + COUNT);
  }
  set count(count: number) {
    this.mem.write32(this.#stateOff + COUNT, count);
  }

  /** Room for a key and a pointer on their way, which operations in JavaScript use: its bytes mean nothing afterwards. */
  get scratch(): { readonly off: number; readonly lenBytes: number } {
    return { off: this.#stateOff + SCRATCH, lenBytes: roundUp8(this.keySize) + 8 };
  }

  /** Eight bytes for a pointer on its way into an element. */
  get pointerScratch(): number {
    return this.#stateOff + SCRATCH + roundUp8(this.keySize);
  }

  /** The word index of the key, aligned and padded: of the key itself, or of a copy that the next call overwrites. */
  keyIndex(keyOff: number): number {
    if (!this.#paddedKey && (keyOff & 3) === 0) return keyOff >>> 2;
    const copy = this.#stateOff + SCRATCH;
    copyBytes(this.mem, copy, keyOff, this.keySize);
    return copy >>> 2;
  }

  override release(): void {
    this.pool?.destroy();
    this.order.destroy();
    if (this.#elemsOff !== 0) this.mem.free(this.#elemsOff);
    this.mem.free(this.bucketsOff);
    super.release();
  }
}

/** Puts an element into the walk order. A word is there, or reserved. */
export function enterOrder(map: HtabMap, elem: number): void {
  const { u32 } = map.mem;
  const own = (elem >>> 2) + map.orderWord;
  if (u32[own] === 0) u32[own] = map.order.take();
  u32[u32[own] >>> 2] = elem | IN_ORDER;
}

/** Puts an element where another one was in the walk order, which gets its word, if it had one: that is empty. */
export function swapOrder(map: HtabMap, elem: number, old: number): void {
  const { u32 } = map.mem;
  const own = (elem >>> 2) + map.orderWord;
  const its = (old >>> 2) + map.orderWord;
  const word = u32[its];
  u32[its] = u32[own];
  u32[own] = word;
  u32[word >>> 2] = elem | IN_ORDER;
}

/** Takes an element out of the walk order. */
export function leaveOrder(map: HtabMap, elem: number): void {
  const { u32 } = map.mem;
  const word = u32[(elem >>> 2) + map.orderWord];
  if (word !== 0) u32[word >>> 2] = 0;
}

/** Takes an element out of its bucket and of the walk order; false where it is in none. */
export function unlinkElem(map: HtabMap, elem: number): boolean {
  const { u32 } = map.mem;
  const { nextWord } = map;
  let link = (map.bucketsOff >>> 2) + (u32[(elem >>> 2) + map.hashWord] & map.bucketMask);
  for (let at = u32[link]; at !== 0; at = u32[link]) {
    if (at === elem) {
      u32[link] = u32[(elem >>> 2) + nextWord];
      leaveOrder(map, elem);
      return true;
    }
    link = (at >>> 2) + nextWord;
  }
  return false;
}

/** Per-CPU LRU lists own equally many elements each. @see kernel/bpf/hashtab.c, htab_map_alloc */
function lruEntries(maxEntries: number, cpus: number): number {
  const up = Math.ceil(maxEntries / cpus) * cpus;
  return up > U32_MAX ? Math.floor(maxEntries / cpus) * cpus : up;
}

/** Charges for and allocates a hash table. */
export function allocHtab(
  params: MapParams,
  kernel: KernelServices,
  def: MapTypeDef<HtabMap>,
  shape: HtabShape = {},
): HtabMap | Errno {
  const { cpus } = kernel.env;
  const maxEntries = shape.percpuLru === true ? lruEntries(params.maxEntries, cpus) : params.maxEntries;
  const nBuckets = roundUpPow2(maxEntries);
  if (nBuckets > U32_MAX / BUCKET_SIZE) return -E2BIG;
  const valueStride = roundUp8(shape.slotSize ?? params.valueSize);
  const percpu = shape.percpu === true;
  const kernelElem = HTAB_ELEM_SIZE + roundUp8(params.keySize) + (percpu ? 8 : valueStride);
  const extra = percpu ? valueStride * cpus * maxEntries : kernelElem * cpus;
  const costBytes = BUCKET_SIZE * nBuckets + kernelElem * maxEntries + extra;

  return chargeAndAlloc(kernel, costBytes, () => {
    const prealloc = (params.flags & BPF_F_NO_PREALLOC) === 0;
    if (percpu && prealloc && valueStride > PERCPU_MAX_SIZE) return undefined;
    const layout = htabElemLayout(kernel.types);
    const elemStride = layout.key + roundUp8(params.keySize) + (percpu ? valueStride * cpus : valueStride);
    const elems = prealloc ? maxEntries + (percpu || shape.lru === true ? 0 : cpus) : 0;
    const structSize = mapStructSize(kernel.types);
    const stateSize = SCRATCH + roundUp8(params.keySize) + 8 + sourceStateSize(shape, prealloc, cpus);
    const wanted = [structSize + stateSize, nBuckets * 4, elems * elemStride];
    const writable = shape.lru === true || (params.flags & BPF_F_RDONLY_PROG) === 0;
    const offs = wanted.map((lenBytes) =>
      lenBytes === 0 ? 0 : kernel.mem.alloc(lenBytes, { kind: 'map', name: def.name, writable }),
    );
    const [regionOff = 0, bucketsOff = 0, elemsOff = 0] = offs;
    const order = new ElemOrder(kernel.mem, { stateOff: regionOff + structSize + ORDER, name: def.name });
    const short = offs.some((off, i) => off === 0 && wanted[i] !== 0);
    if (short || (elems > 0 && !order.reserve(elems))) {
      for (const off of offs) if (off !== 0) kernel.mem.free(off);
      return undefined;
    }
    return new HtabMap({
      def,
      kernel,
      params,
      off: regionOff,
      regionOff,
      costBytes,
      syscallValueSize: percpu ? valueStride * cpus : params.valueSize,
      maxEntries,
      shape,
      layout,
      nBuckets,
      elemStride,
      bucketsOff,
      elemsOff,
      stateOff: regionOff + structSize,
      order,
    });
  });
}

function sourceStateSize(shape: HtabShape, prealloc: boolean, cpus: number): number {
  if (shape.lru === true) return lruStateSize(cpus, shape.percpuLru === true);
  return prealloc ? preallocStateSize(cpus) : POOL_STATE_SIZE;
}
