// SPDX-License-Identifier: MIT
import type { Region, SavedRegion } from './region.ts';
import { restoreRegion, saveRegion } from './region.ts';
import { PAGE_BYTES } from './page-runs.ts';
import { SIZE_CLASSES, slabPages } from './size-class.ts';

/** Some pages cut into slots of one size. A stack of slot numbers is the free list: last freed, first reused. */
export interface Slab {
  readonly id: number;
  readonly cls: number;
  readonly off: number;
  readonly slotBytes: number;
  readonly slots: number;
  /** The live region in each slot. */
  readonly regions: (Region | undefined)[];
  readonly freeSlots: Uint16Array;
  freeCount: number;
  /** Index in its class's list of slabs with room, or -1. */
  partialIdx: number;
}

/** What a checkpoint keeps of one slab. */
interface SavedSlab {
  readonly id: number;
  readonly cls: number;
  readonly off: number;
  readonly live: readonly SavedRegion[];
  readonly freeSlots: Uint16Array;
  readonly freeCount: number;
}

/** What a checkpoint keeps of {@link SlabSet}. */
export interface SavedSlabSet {
  readonly slabs: readonly (SavedSlab | undefined)[];
  readonly freeIds: readonly number[];
  /** Ids of the slabs with room, per class, in order. */
  readonly partial: readonly (readonly number[])[];
}

function createSlab(id: number, cls: number, off: number): Slab {
  const slotBytes = SIZE_CLASSES[cls];
  const slots = Math.floor((slabPages(slotBytes) * PAGE_BYTES) / slotBytes);
  const freeSlots = new Uint16Array(slots);
  for (let i = 0; i < slots; i++) freeSlots[i] = slots - 1 - i;
  const regions = new Array<Region | undefined>(slots).fill(undefined);
  return { id, cls, off, slotBytes, slots, regions, freeSlots, freeCount: slots, partialIdx: -1 };
}

/** All slabs, by id and by class. Knows no pages: its owner gives it some and takes them back. */
export class SlabSet {
  #slabs: (Slab | undefined)[] = [];
  #freeIds: number[] = [];
  #partial: Slab[][] = SIZE_CLASSES.map(() => []);

  get(id: number): Slab | undefined {
    return this.#slabs[id];
  }

  /** A slab of the class with a free slot, if there is one. */
  withRoom(cls: number): Slab | undefined {
    const list = this.#partial[cls];
    return list.length === 0 ? undefined : list[list.length - 1];
  }

  /** Takes over pages that begin at `off`. */
  add(cls: number, off: number): Slab {
    const id = this.#freeIds.pop() ?? this.#slabs.length;
    const slab = createSlab(id, cls, off);
    this.#slabs[id] = slab;
    this.#link(slab);
    return slab;
  }

  /** Takes a slot of a slab that has room; the caller puts the region in. */
  takeSlot(slab: Slab): number {
    const slot = slab.freeSlots[--slab.freeCount];
    if (slab.freeCount === 0) this.#unlink(slab);
    return slot;
  }

  /** Frees a slot. True when the slab is empty, another one of its class has room, and its pages may go. */
  giveSlot(slab: Slab, slot: number): boolean {
    slab.regions[slot] = undefined;
    slab.freeSlots[slab.freeCount++] = slot;
    if (slab.freeCount === 1) this.#link(slab);
    return slab.freeCount === slab.slots && this.#partial[slab.cls].length > 1;
  }

  /** Forgets an empty slab. */
  remove(slab: Slab): void {
    this.#unlink(slab);
    this.#slabs[slab.id] = undefined;
    this.#freeIds.push(slab.id);
  }

  *regions(): Iterable<Region> {
    for (const slab of this.#slabs) {
      if (slab === undefined) continue;
      for (const region of slab.regions) if (region !== undefined) yield region;
    }
  }

  save(): SavedSlabSet {
    return {
      slabs: this.#slabs.map((slab) => slab && saveSlab(slab)),
      freeIds: this.#freeIds.slice(),
      partial: this.#partial.map((list) => list.map((slab) => slab.id)),
    };
  }

  restore(saved: SavedSlabSet): void {
    const slabs = saved.slabs.map((slab) => slab && restoreSlab(slab));
    this.#slabs = slabs;
    this.#freeIds = saved.freeIds.slice();
    this.#partial = saved.partial.map((ids) =>
      ids.map((id, idx) => {
        const slab = slabs[id] as Slab;
        slab.partialIdx = idx;
        return slab;
      }),
    );
  }

  #link(slab: Slab): void {
    const list = this.#partial[slab.cls];
    slab.partialIdx = list.length;
    list.push(slab);
  }

  #unlink(slab: Slab): void {
    const list = this.#partial[slab.cls];
    const last = list.pop() as Slab;
    if (last !== slab) {
      list[slab.partialIdx] = last;
      last.partialIdx = slab.partialIdx;
    }
    slab.partialIdx = -1;
  }
}

function saveSlab(slab: Slab): SavedSlab {
  const live: SavedRegion[] = [];
  for (const region of slab.regions) if (region !== undefined) live.push(saveRegion(region));
  const { id, cls, off, freeCount } = slab;
  return { id, cls, off, live, freeSlots: slab.freeSlots.slice(), freeCount };
}

function restoreSlab(saved: SavedSlab): Slab {
  const slab = createSlab(saved.id, saved.cls, saved.off);
  slab.freeSlots.set(saved.freeSlots);
  slab.freeCount = saved.freeCount;
  for (const entry of saved.live) {
    slab.regions[(entry.region.off - slab.off) / slab.slotBytes] = restoreRegion(entry);
  }
  return slab;
}
