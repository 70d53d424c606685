// SPDX-License-Identifier: MIT
import type { MapWalk } from '@tsbpf/uapi';
import { gone } from '../hash/htab-cursor.ts';
import type { ArrayMap } from './array-map.ts';

/** A walk over an array, index by index. Values are read where they lie. */
export class ArrayCursor implements MapWalk {
  readonly keys = new DataView(new ArrayBuffer(4));
  readonly keyAt = 0;
  valueAt = 0;
  readonly #map: ArrayMap;
  #next = 0;

  constructor(map: ArrayMap) {
    this.#map = map;
  }

  get values(): DataView {
    return this.#map.mem.view;
  }

  next(): boolean {
    const map = this.#map;
    if (map.refs === 0) throw gone(map.name);
    if (this.#next >= map.maxEntries) return false;
    this.keys.setUint32(0, this.#next, true);
    this.valueAt = map.dataOff + this.#next * map.stride;
    this.#next++;
    return true;
  }
}
