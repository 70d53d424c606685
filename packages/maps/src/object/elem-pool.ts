// SPDX-License-Identifier: MIT
import type { KernelServices } from '@tsbpf/core';
import type { KernelMemory } from '@tsbpf/memory';

/** Bytes of the pool's state in kernel memory. */
export const POOL_STATE_SIZE = 24;
const FREE = 0;
const BUMP = 4;
const BUMP_END = 8;
const CHUNKS = 12;
const PENDING = 16;
const TOTAL = 20;

/** A chunk begins with the offset of the next one. */
const CHUNK_HEADER = 8;
const MAX_CHUNK_BYTES = 1 << 20;
const FIRST_CHUNK_ELEMS = 8;

/**
 * Elements of one size, allocated on demand: what the kernel takes from kmalloc. Freed ones come back after a grace
 * period. Chunks double with the number of elements, and go when the pool goes. All state is in kernel memory, so that
 * a checkpoint of the memory is one of the pool.
 */
export class ElemPool {
  readonly #kernel: KernelServices;
  readonly #mem: KernelMemory;
  readonly #state: number;
  readonly #elemSize: number;
  readonly #linkAt: number;
  readonly #name: string;
  readonly #reclaim = (): void => this.#flush();
  #reclaimQueued = false;
  #gone = false;

  /** `stateOff`: {@link POOL_STATE_SIZE} zeroed bytes. `linkAt`: where in a free element a link may be kept. */
  constructor(kernel: KernelServices, options: { stateOff: number; elemSize: number; linkAt: number; name: string }) {
    this.#kernel = kernel;
    this.#mem = kernel.mem;
    this.#state = options.stateOff;
    this.#elemSize = options.elemSize;
    this.#linkAt = options.linkAt;
    this.#name = options.name;
  }

  /** An element's offset, its contents left over; 0 when memory is exhausted. Memory may grow. */
  alloc(): number {
    const mem = this.#mem;
    const free = mem.read32(this.#state + FREE);
    if (free !== 0) {
      mem.write32(this.#state + FREE, mem.read32(free + this.#linkAt));
      return free;
    }
    let elem = mem.read32(this.#state + BUMP);
    if (elem === mem.read32(this.#state + BUMP_END)) {
      if (!this.#addChunk()) return 0;
      elem = mem.read32(this.#state + BUMP);
    }
    mem.write32(this.#state + BUMP, elem + this.#elemSize);
    return elem;
  }

  /** Gives an element back that nobody ever saw. */
  freeNow(elem: number): void {
    this.#push(FREE, elem);
  }

  /** Gives an element back after the grace period: programs that run may still read it. */
  freeLater(elem: number): void {
    this.#push(PENDING, elem);
    if (this.#reclaimQueued) return;
    this.#reclaimQueued = true;
    this.#kernel.rcu.callRcu(this.#reclaim);
  }

  /** Frees all memory. */
  destroy(): void {
    this.#gone = true;
    let chunk = this.#mem.read32(this.#state + CHUNKS);
    while (chunk !== 0) {
      const next = this.#mem.read32(chunk);
      this.#mem.free(chunk);
      chunk = next;
    }
  }

  #push(list: number, elem: number): void {
    this.#mem.write32(elem + this.#linkAt, this.#mem.read32(this.#state + list));
    this.#mem.write32(this.#state + list, elem);
  }

  #flush(): void {
    this.#reclaimQueued = false;
    if (this.#gone) return;
    const mem = this.#mem;
    let elem = mem.read32(this.#state + PENDING);
    mem.write32(this.#state + PENDING, 0);
    while (elem !== 0) {
      const next = mem.read32(elem + this.#linkAt);
      this.#push(FREE, elem);
      elem = next;
    }
  }

  #addChunk(): boolean {
    const mem = this.#mem;
    const has = mem.read32(this.#state + TOTAL);
    const fits = Math.max(1, Math.floor((MAX_CHUNK_BYTES - CHUNK_HEADER) / this.#elemSize));
    const elems = Math.min(fits, Math.max(FIRST_CHUNK_ELEMS, has));
    const lenBytes = CHUNK_HEADER + elems * this.#elemSize;
    const chunk = mem.alloc(lenBytes, { kind: 'map', name: this.#name });
    if (chunk === 0) return false;
    mem.write32(chunk, mem.read32(this.#state + CHUNKS));
    mem.write32(this.#state + CHUNKS, chunk);
    mem.write32(this.#state + BUMP, chunk + CHUNK_HEADER);
    mem.write32(this.#state + BUMP_END, chunk + lenBytes);
    mem.write32(this.#state + TOTAL, has + elems);
    return true;
  }
}
