// SPDX-License-Identifier: MIT
import { EBADF, UsageError, type MapWalk } from '@tsbpf/uapi';
import type { KernelMemory } from '@tsbpf/memory';
import { LIVE } from './elem-order.ts';
import type { HtabMap } from './htab-map.ts';

/**
 * A walk over a hash table in the order of {@link ElemOrder}. Keys and values are read where they lie. An entry that is
 * there from the walk's start to its end is met once, updated meanwhile or not; one that is added or removed meanwhile
 * is met at most once.
 */
export class HtabCursor implements MapWalk {
  keyAt = 0;
  valueAt = 0;
  readonly #map: HtabMap;
  readonly #mem: KernelMemory;
  readonly #keyOff: number;
  readonly #valueOff: number;
  #chunk = 0;
  /** Word indices: the next one to look at, and the end of those known to be in use. */
  #next = 0;
  #end = 0;

  constructor(map: HtabMap) {
    this.#map = map;
    this.#mem = map.mem;
    this.#keyOff = map.layout.key;
    this.#valueOff = map.valueAt;
  }

  get keys(): DataView {
    return this.#mem.view;
  }
  get values(): DataView {
    return this.#mem.view;
  }

  next(): boolean {
    if (this.#map.refs === 0) throw gone(this.#map.name);
    const { i32 } = this.#mem;
    for (;;) {
      while (this.#next < this.#end) {
        const word = i32[this.#next++];
        if ((word & LIVE) === 0) continue;
        this.keyAt = (word - LIVE + this.#keyOff) >>> 0;
        this.valueAt = (word - LIVE + this.#valueOff) >>> 0;
        return true;
      }
      if (!this.#more()) return false;
    }
  }

  /** Finds words that came into use, in this chunk or a later one. */
  #more(): boolean {
    const { order } = this.#map;
    if (this.#chunk !== 0) this.#end = order.words(this.#chunk).to >>> 2;
    while (this.#next === this.#end) {
      const chunk = order.nextChunk(this.#chunk);
      if (chunk === 0) return false;
      this.#enter(chunk);
    }
    return true;
  }

  #enter(chunk: number): void {
    const { from, to } = this.#map.order.words(chunk);
    this.#chunk = chunk;
    this.#next = from >>> 2;
    this.#end = to >>> 2;
  }
}

/** What a walk says of a map that was freed meanwhile. */
export function gone(name: string): UsageError {
  return new UsageError(`map '${name}': it was freed during a walk over its elements`, { errno: EBADF });
}
