// SPDX-License-Identifier: MIT
// Elements allocated with the map. @see kernel/bpf/percpu_freelist.c
import type { KernelServices } from '@tsbpf/core';
import type { KernelMemory } from '@tsbpf/memory';

/** Per CPU: head of the free list, first element never used, end of the CPU's share, spare element. */
export const CPU_STATE_SIZE = 16;
export const [HEAD, FRESH, END, SPARE] = [0, 4, 8, 12] as const;

// The same in words, and not exported: V8 loads exported constants wherever they are used.
const STATE_WORDS = CPU_STATE_SIZE >>> 2;
const HEAD_WORD = HEAD >>> 2;
const FRESH_WORD = FRESH >>> 2;
const END_WORD = END >>> 2;
const SPARE_WORD = SPARE >>> 2;

/** Bytes of state in kernel memory. */
export function preallocStateSize(cpus: number): number {
  return CPU_STATE_SIZE * cpus;
}

/**
 * Free lists of preallocated elements, one for each CPU; a freed element is reused at once. Elements that were never
 * used are not on a list yet, so that making a large map touches none of them.
 */
export class PreallocatedElems {
  readonly #kernel: KernelServices;
  readonly #mem: KernelMemory;
  /** Offset of the CPUs' states. */
  readonly stateOff: number;
  readonly stride: number;
  /** Where in a free element the link to the next one is. */
  readonly linkAt: number;

  constructor(kernel: KernelServices, options: { stateOff: number; elemStride: number; linkAt: number }) {
    this.#kernel = kernel;
    this.#mem = kernel.mem;
    this.stateOff = options.stateOff;
    this.stride = options.elemStride;
    this.linkAt = options.linkAt;
  }

  /** Shares `count` elements out. `spares`: each CPU keeps one back, for replacing elements of a full map. */
  populate(elemsOff: number, count: number, spares: boolean): void {
    const { cpus } = this.#kernel.env;
    const share = Math.floor(count / cpus) + 1;
    for (let cpu = 0; cpu < cpus; cpu++) {
      const state = this.stateOff + cpu * CPU_STATE_SIZE;
      this.#mem.write32(state + FRESH, elemsOff + Math.min(cpu * share, count) * this.stride);
      this.#mem.write32(state + END, elemsOff + Math.min((cpu + 1) * share, count) * this.stride);
    }
    for (let cpu = 0; spares && cpu < cpus; cpu++) {
      this.#mem.write32(this.stateOff + cpu * CPU_STATE_SIZE + SPARE, this.take());
    }
  }

  /** A free element, of this CPU's list first; 0 where all are in use. */
  take(): number {
    const { cpus, cpu } = this.#kernel.env;
    const { u32 } = this.#mem;
    for (let i = 0; i < cpus; i++) {
      const state = (this.stateOff >>> 2) + ((cpu + i) % cpus) * STATE_WORDS;
      const head = u32[state + HEAD_WORD];
      if (head !== 0) {
        u32[state + HEAD_WORD] = u32[(head + this.linkAt) >>> 2];
        return head;
      }
      const fresh = u32[state + FRESH_WORD];
      if (fresh !== u32[state + END_WORD]) {
        u32[state + FRESH_WORD] = fresh + this.stride;
        return fresh;
      }
    }
    return 0;
  }

  /** To this CPU's list. */
  give(elem: number): void {
    const { u32 } = this.#mem;
    const head = this.#stateWord() + HEAD_WORD;
    u32[(elem + this.linkAt) >>> 2] = u32[head];
    u32[head] = elem;
  }

  /** Takes this CPU's spare element; the one it is going to replace becomes the spare. */
  swapSpare(replaced: number): number {
    const { u32 } = this.#mem;
    const spare = this.#stateWord() + SPARE_WORD;
    const elem = u32[spare];
    u32[spare] = replaced;
    return elem;
  }

  /** Word index of this CPU's state. */
  #stateWord(): number {
    return (this.stateOff >>> 2) + this.#kernel.env.cpu * STATE_WORDS;
  }
}
