// SPDX-License-Identifier: MIT
import type { KernelMemory } from '@tsbpf/memory';

/**
 * Kernel memory that system calls copy user bytes to and from. Three buffers, so that a key, a value and a second key can
 * be in flight; each grows to the largest size asked for. System calls do not nest.
 */
export class Scratch {
  readonly #mem: KernelMemory;
  readonly #off = [0, 0, 0];
  readonly #len = [0, 0, 0];

  constructor(mem: KernelMemory) {
    this.#mem = mem;
  }

  /** Offset of at least `lenBytes` bytes, 8-aligned; 0 when memory is exhausted. Contents are left over. */
  get(slot: 0 | 1 | 2, lenBytes: number): number {
    if (lenBytes <= (this.#len[slot] ?? 0)) return this.#off[slot] ?? 0;
    const want = Math.max(64, 2 ** Math.ceil(Math.log2(lenBytes)));
    const off = this.#mem.alloc(want, { kind: 'syscall', align: 8 });
    if (off === 0) return 0;
    if (this.#off[slot] !== 0) this.#mem.free(this.#off[slot] ?? 0);
    this.#off[slot] = off;
    this.#len[slot] = want;
    return off;
  }
}
