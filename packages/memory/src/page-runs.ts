// SPDX-License-Identifier: MIT

/** log2 of the allocator's page, which is Linux's page and not WebAssembly's. */
export const PAGE_SHIFT = 12;
export const PAGE_BYTES = 1 << PAGE_SHIFT;

const EXACT_BINS = 64;
const BIN_COUNT = 128;
const NONE = 0;

/** What a checkpoint keeps of {@link PageRuns}. */
export interface SavedPageRuns {
  readonly top: number;
  readonly len: Uint32Array;
  readonly isFree: Uint8Array;
  readonly next: Uint32Array;
  readonly prev: Uint32Array;
  readonly bins: Uint32Array;
}

/** The bin of a free run: one per length up to 64 pages, then four per doubling. */
export function binOf(pages: number): number {
  if (pages <= EXACT_BINS) return pages - 1;
  const log = 31 - Math.clz32(pages);
  return EXACT_BINS + (log - 6) * 4 + ((pages >>> (log - 2)) & 3);
}

/**
 * Best fit over runs of pages. Free runs carry their length at both ends, so that a freed run finds its neighbours
 * and merges with them at once, and hang in doubly linked lists by length. Page 0 stands for "none".
 */
export class PageRuns {
  #top: number;
  #len: Uint32Array;
  #isFree: Uint8Array;
  #next: Uint32Array;
  #prev: Uint32Array;
  #bins = new Uint32Array(BIN_COUNT);

  /** Manages the pages from `first` up; none are there until {@link extend}. */
  constructor(first: number) {
    this.#top = first;
    this.#len = new Uint32Array(first);
    this.#isFree = new Uint8Array(first);
    this.#next = new Uint32Array(first);
    this.#prev = new Uint32Array(first);
  }

  /** The page behind the last managed one. */
  get top(): number {
    return this.#top;
  }

  /** Adds the pages from the present top up to `newTop`, free. */
  extend(newTop: number): void {
    this.#reserve(newTop);
    const start = this.#top;
    this.#top = newTop;
    this.give(start, newTop - start);
  }

  /** Pages that must be added so that `take(pages, alignPages)` succeeds at the top. */
  shortfall(pages: number, alignPages: number): number {
    const last = this.#top - 1;
    const start = this.#isFree[last] === 1 ? this.#top - this.#len[last] : this.#top;
    return alignUp(start, alignPages) + pages - this.#top;
  }

  /** The first page of a run taken out of the smallest free run that holds it, or 0. */
  take(pages: number, alignPages = 1): number {
    const run = this.#bestFit(pages, alignPages);
    if (run === NONE) return 0;
    const runPages = this.#len[run];
    this.#unlink(run);
    const start = alignUp(run, alignPages);
    if (start > run) this.#link(run, start - run);
    const rest = run + runPages - (start + pages);
    if (rest > 0) this.#link(start + pages, rest);
    return start;
  }

  /** Returns a run, merging it with its free neighbours. */
  give(start: number, pages: number): void {
    let head = start;
    let total = pages;
    if (this.#isFree[start - 1] === 1) {
      const before = this.#len[start - 1];
      head = start - before;
      total += before;
      this.#unlink(head);
    }
    const after = start + pages;
    if (after < this.#top && this.#isFree[after] === 1) {
      total += this.#len[after];
      this.#unlink(after);
    }
    this.#link(head, total);
  }

  /** The free runs, in no order: for tests and accounting. */
  *freeRuns(): Iterable<{ start: number; pages: number }> {
    for (let bin = 0; bin < BIN_COUNT; bin++) {
      for (let run = this.#bins[bin]; run !== NONE; run = this.#next[run]) yield { start: run, pages: this.#len[run] };
    }
  }

  save(): SavedPageRuns {
    const top = this.#top;
    return {
      top,
      len: this.#len.slice(0, top),
      isFree: this.#isFree.slice(0, top),
      next: this.#next.slice(0, top),
      prev: this.#prev.slice(0, top),
      bins: this.#bins.slice(),
    };
  }

  restore(saved: SavedPageRuns): void {
    this.#top = saved.top;
    this.#len = saved.len.slice();
    this.#isFree = saved.isFree.slice();
    this.#next = saved.next.slice();
    this.#prev = saved.prev.slice();
    this.#bins = saved.bins.slice();
  }

  #bestFit(pages: number, alignPages: number): number {
    for (let bin = binOf(pages); bin < BIN_COUNT; bin++) {
      let best = NONE;
      let bestPages = 0;
      for (let run = this.#bins[bin]; run !== NONE; run = this.#next[run]) {
        const runPages = this.#len[run];
        if (alignUp(run, alignPages) + pages > run + runPages) continue;
        if (bin < EXACT_BINS) return run;
        if (best === NONE || runPages < bestPages || (runPages === bestPages && run < best)) {
          best = run;
          bestPages = runPages;
        }
      }
      if (best !== NONE) return best;
    }
    return NONE;
  }

  #link(head: number, pages: number): void {
    const tail = head + pages - 1;
    this.#len[head] = this.#len[tail] = pages;
    this.#isFree[head] = this.#isFree[tail] = 1;
    const bin = binOf(pages);
    const second = this.#bins[bin];
    this.#next[head] = second;
    this.#prev[head] = NONE;
    if (second !== NONE) this.#prev[second] = head;
    this.#bins[bin] = head;
  }

  #unlink(head: number): void {
    const pages = this.#len[head];
    this.#isFree[head] = this.#isFree[head + pages - 1] = 0;
    const next = this.#next[head];
    const prev = this.#prev[head];
    if (next !== NONE) this.#prev[next] = prev;
    if (prev !== NONE) this.#next[prev] = next;
    else this.#bins[binOf(pages)] = next;
  }

  #reserve(pages: number): void {
    if (pages <= this.#len.length) return;
    const capacity = Math.max(pages, Math.min(this.#len.length * 2, this.#len.length + (1 << 18)));
    this.#len = enlarged32(this.#len, capacity);
    this.#next = enlarged32(this.#next, capacity);
    this.#prev = enlarged32(this.#prev, capacity);
    const isFree = new Uint8Array(capacity);
    isFree.set(this.#isFree);
    this.#isFree = isFree;
  }
}

function alignUp(page: number, alignPages: number): number {
  return Math.ceil(page / alignPages) * alignPages;
}

function enlarged32(old: Uint32Array, capacity: number): Uint32Array {
  const grown = new Uint32Array(capacity);
  grown.set(old);
  return grown;
}
