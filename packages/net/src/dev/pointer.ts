// SPDX-License-Identifier: MIT
import { KERNEL_BASE_HI, type KernelMemory } from '@tsbpf/memory';

/** Stores the kernel address of an offset; NULL for 0. */
export function writePointer(mem: KernelMemory, at: number, target: number): void {
  mem.write32(at, target);
  mem.write32(at + 4, target === 0 ? 0 : KERNEL_BASE_HI);
}

/** The offset in a pointer: its low word. */
export function readPointer(mem: KernelMemory, at: number): number {
  return mem.read32(at);
}
