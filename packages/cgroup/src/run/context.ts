// SPDX-License-Identifier: MIT
import { ENOMEM, UsageError } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { readPointer, writePointer } from '@tsbpf/net';

/** Kernel memory that lasts as long as one call: contexts, buffers, addresses. */
export class CallMemory {
  readonly kernel: KernelServices;
  readonly #held: number[] = [];

  constructor(kernel: KernelServices) {
    this.kernel = kernel;
  }

  /** Zeroed bytes. @errno ENOMEM UsageError: kernel memory is exhausted */
  alloc(lenBytes: number, kind: string, name: string): number {
    const off = this.kernel.mem.alloc(Math.max(1, lenBytes), { kind, name });
    if (off === 0) throw new UsageError(`kernel memory is exhausted: no room for ${name}`, { errno: ENOMEM });
    this.#held.push(off);
    return off;
  }

  /** A zeroed context structure, and access to its members by name. */
  context(structName: string): Context {
    const off = this.alloc(this.kernel.types.sizeOf(structName), 'ctx', structName);
    return new Context(this.kernel, structName, off);
  }

  free(): void {
    for (const off of this.#held.splice(0)) this.kernel.mem.free(off);
  }
}

/** Does something with memory for one call, and gives the memory back. */
export function withCallMemory<T>(kernel: KernelServices, action: (memory: CallMemory) => T): T {
  const memory = new CallMemory(kernel);
  try {
    return action(memory);
  } finally {
    memory.free();
  }
}

/** A kernel-side context structure in memory. A member the BTF lacks is NotSupportedError. */
export class Context {
  readonly kernel: KernelServices;
  readonly structName: string;
  readonly off: number;

  constructor(kernel: KernelServices, structName: string, off: number) {
    this.kernel = kernel;
    this.structName = structName;
    this.off = off;
  }

  #at(member: string): number {
    return this.off + this.kernel.types.resolve(`${this.structName}.${member}`).off;
  }
  /** A pointer member; NULL for 0. */
  setPointer(member: string, target: number): void {
    writePointer(this.kernel.mem, this.#at(member), target);
  }
  pointer(member: string): number {
    return readPointer(this.kernel.mem, this.#at(member));
  }
  setWord(member: string, value: number): void {
    this.kernel.mem.write32(this.#at(member), value);
  }
  /** Signed. */
  word(member: string): number {
    return this.kernel.mem.readS32(this.#at(member));
  }
  setLong(member: string, value: number | bigint): void {
    this.kernel.mem.write64(this.#at(member), BigInt(value));
  }
  long(member: string): number {
    return Number(this.kernel.mem.read64(this.#at(member)));
  }
}
