// SPDX-License-Identifier: MIT
import type { KernelMemory } from '@tsbpf/memory';

/**
 * The CPU that runs, for JavaScript and, in kernel memory, for compiled programs. A class, because engines and maps ask
 * often, and V8 inlines accessors of classes only.
 */
export class CpuNumber {
  /** Offset of a u32; undefined without a memory. */
  readonly cpuOff: number | undefined;
  readonly #mem: KernelMemory | undefined;
  #cpu = 0;

  constructor(mem: KernelMemory | undefined) {
    this.#mem = mem;
    this.cpuOff = mem?.alloc(4, { kind: 'percpu', name: 'cpu_number', align: 4 }) || undefined;
  }

  get cpu(): number {
    return this.#cpu;
  }
  set cpu(cpu: number) {
    this.#cpu = cpu;
    if (this.cpuOff !== undefined) this.#mem?.write32(this.cpuOff, cpu);
  }
}
