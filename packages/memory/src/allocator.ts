// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import { FIRST_OFF, hexOff } from './address.ts';
import type { SavedPageRuns } from './page-runs.ts';
import { PAGE_BYTES, PAGE_SHIFT, PageRuns } from './page-runs.ts';
import type { Region, SavedRegion } from './region.ts';
import { restoreRegion, saveRegion } from './region.ts';
import { SIZE_CLASSES, sizeClassOf, slabPages } from './size-class.ts';
import type { SavedSlabSet, Slab } from './slab.ts';
import { SlabSet } from './slab.ts';

/** What a checkpoint keeps of the allocator. */
export interface SavedAllocator {
  readonly runs: SavedPageRuns;
  readonly slabs: SavedSlabSet;
  readonly owner: Int32Array;
  readonly large: readonly SavedRegion[];
  readonly usedTop: number;
  readonly allocatedBytes: number;
  readonly liveRegions: number;
}

/** Grows the memory so that it has at least `pages` pages; answers how many it has, or 0 if it cannot. */
export type GrowTo = (pages: number) => number;

/** What the allocator answers: where, and how many bytes from there may hold something else than zero. */
export interface Placement {
  off: number;
  dirtyBytes: number;
}

const FIRST_PAGE = FIRST_OFF >>> PAGE_SHIFT;

/**
 * Places regions: small ones in slabs of one slot size, larger ones in whole pages by best fit. It never touches the
 * memory itself. `owner` says for each page who has it: 0 nobody, `id + 1` a slab, `-page` the large region that
 * begins at that page.
 */
export class Allocator {
  #runs = new PageRuns(FIRST_PAGE);
  #slabs = new SlabSet();
  #owner = new Int32Array(FIRST_PAGE);
  #large = new Map<number, Region>();
  #usedTop = FIRST_PAGE;
  #placement: Placement = { off: 0, dirtyBytes: 0 };
  readonly #growTo: GrowTo;
  allocatedBytes = 0;
  liveRegions = 0;

  constructor(growTo: GrowTo, pages: number) {
    this.#growTo = growTo;
    if (pages > FIRST_PAGE) this.#extend(pages);
  }

  /** Bytes up to the last page that was ever handed out: behind them the memory is still zero. */
  get usedBytes(): number {
    return this.#usedTop * PAGE_BYTES;
  }

  /** Places a region and remembers it. The answer is reused by the next call; undefined when there is no room. */
  alloc(
    lenBytes: number,
    align: number,
    kind: string,
    name: string | undefined,
    writable: boolean,
  ): Placement | undefined {
    const placement = this.#placement;
    const cls = sizeClassOf(lenBytes, align);
    if (cls < 0) {
      const pages = Math.max(1, Math.ceil(lenBytes / PAGE_BYTES));
      const usedBefore = this.#usedTop;
      const page = this.#takePages(pages, Math.max(1, align / PAGE_BYTES));
      if (page === 0) return undefined;
      const off = page * PAGE_BYTES;
      this.#owner.fill(-page, page, page + pages);
      this.#large.set(page, { off, lenBytes, kind, name, writable });
      placement.off = off;
      placement.dirtyBytes = Math.max(0, Math.min(usedBefore, page + pages) - page) * PAGE_BYTES;
    } else {
      const slab = this.#slabs.withRoom(cls) ?? this.#addSlab(cls);
      if (slab === undefined) return undefined;
      const slot = this.#slabs.takeSlot(slab);
      const off = slab.off + slot * slab.slotBytes;
      slab.regions[slot] = { off, lenBytes, kind, name, writable };
      placement.off = off;
      placement.dirtyBytes = slab.slotBytes;
    }
    this.allocatedBytes += lenBytes;
    this.liveRegions++;
    return placement;
  }

  /** Forgets the region that begins at `off` and answers it. */
  free(off: number): Region {
    const page = off >>> PAGE_SHIFT;
    const owner = this.#owner[page];
    let region: Region | undefined;
    if (owner > 0) {
      const slab = this.#slabs.get(owner - 1) as Slab;
      const slot = Math.floor((off - slab.off) / slab.slotBytes);
      region = slab.regions[slot];
      if (region === undefined || region.off !== off) throw badFree(off, region);
      if (this.#slabs.giveSlot(slab, slot)) this.#removeSlab(slab);
    } else {
      region = owner < 0 ? this.#large.get(-owner) : undefined;
      if (region === undefined || region.off !== off) throw badFree(off, region);
      const pages = Math.max(1, Math.ceil(region.lenBytes / PAGE_BYTES));
      this.#large.delete(page);
      this.#givePages(page, pages);
    }
    this.allocatedBytes -= region.lenBytes;
    this.liveRegions--;
    return region;
  }

  /** The live region whose bytes include the offset. */
  regionOf(off: number): Region | undefined {
    const owner = this.#owner[off >>> PAGE_SHIFT];
    let region: Region | undefined;
    if (owner > 0) {
      const slab = this.#slabs.get(owner - 1) as Slab;
      region = slab.regions[Math.floor((off - slab.off) / slab.slotBytes)];
    } else if (owner < 0) {
      region = this.#large.get(-owner);
    }
    return region !== undefined && off - region.off < region.lenBytes ? region : undefined;
  }

  *regions(): Iterable<Region> {
    yield* this.#slabs.regions();
    yield* this.#large.values();
  }

  save(): SavedAllocator {
    return {
      runs: this.#runs.save(),
      slabs: this.#slabs.save(),
      owner: this.#owner.slice(0, this.#runs.top),
      large: [...this.#large.values()].map(saveRegion),
      usedTop: this.#usedTop,
      allocatedBytes: this.allocatedBytes,
      liveRegions: this.liveRegions,
    };
  }

  restore(saved: SavedAllocator): void {
    this.#runs.restore(saved.runs);
    this.#slabs.restore(saved.slabs);
    this.#owner = saved.owner.slice();
    this.#large = new Map(saved.large.map((entry) => [entry.region.off >>> PAGE_SHIFT, restoreRegion(entry)]));
    this.#usedTop = saved.usedTop;
    this.allocatedBytes = saved.allocatedBytes;
    this.liveRegions = saved.liveRegions;
  }

  #addSlab(cls: number): Slab | undefined {
    const slotPages = slabPages(SIZE_CLASSES[cls]);
    const page = this.#takePages(slotPages, 1);
    if (page === 0) return undefined;
    const slab = this.#slabs.add(cls, page * PAGE_BYTES);
    this.#owner.fill(slab.id + 1, page, page + slotPages);
    return slab;
  }

  #removeSlab(slab: Slab): void {
    this.#slabs.remove(slab);
    this.#givePages(slab.off >>> PAGE_SHIFT, slabPages(slab.slotBytes));
  }

  #takePages(pages: number, alignPages: number): number {
    let page = this.#runs.take(pages, alignPages);
    if (page === 0) {
      const has = this.#growTo(this.#runs.top + this.#runs.shortfall(pages, alignPages));
      if (has === 0) return 0;
      this.#extend(has);
      page = this.#runs.take(pages, alignPages);
    }
    if (page + pages > this.#usedTop) this.#usedTop = page + pages;
    return page;
  }

  #givePages(page: number, pages: number): void {
    this.#owner.fill(0, page, page + pages);
    this.#runs.give(page, pages);
  }

  #extend(pages: number): void {
    this.#runs.extend(pages);
    if (pages > this.#owner.length) {
      const owner = new Int32Array(pages);
      owner.set(this.#owner);
      this.#owner = owner;
    }
  }
}

function badFree(off: number, region: Region | undefined): InternalError {
  const why = region === undefined ? 'no live region is there' : `inside the ${region.kind} at ${hexOff(region.off)}`;
  return new InternalError(`free of ${hexOff(off)}: ${why}`);
}
