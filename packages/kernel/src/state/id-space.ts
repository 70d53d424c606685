// SPDX-License-Identifier: MIT
import type { IdSpace } from '@tsbpf/core';

const INT_MAX = 0x7fffffff;

/** Ids of one kind of object: cyclic from 1, reused only after the numbers wrap. @see lib/idr.c, idr_alloc_cyclic */
export interface MutableIdSpace<T> extends IdSpace<T> {
  /** The new id. */
  add(obj: T): number;
  remove(id: number): void;
  readonly size: number;
}

export function createIdSpace<T>(): MutableIdSpace<T> {
  const byId = new Map<number, T>();
  // Insertion order is id order until the numbers wrap.
  let wrapped = false;
  let cursor = 1;
  return {
    get size() {
      return byId.size;
    },
    add(obj) {
      while (byId.has(cursor)) cursor++;
      const id = cursor;
      byId.set(id, obj);
      if (cursor >= INT_MAX) {
        cursor = 1;
        wrapped = true;
      } else cursor++;
      return id;
    },
    remove(id) {
      byId.delete(id);
    },
    get(id) {
      return byId.get(id);
    },
    next(id) {
      let best: number | undefined;
      for (const candidate of byId.keys()) {
        if (candidate <= id) continue;
        if (!wrapped) return candidate;
        if (best === undefined || candidate < best) best = candidate;
      }
      return best;
    },
    values() {
      return byId.values();
    },
  };
}
