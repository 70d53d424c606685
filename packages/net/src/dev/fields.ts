// SPDX-License-Identifier: MIT
import type { KernelServices } from '@tsbpf/core';
import { writePointer } from './pointer.ts';

/**
 * Writes a member of a kernel structure by name, bitfields included. A member that this kernel's BTF lacks is left out:
 * what needs it to exist resolves it itself.
 */
export function writeField(kernel: KernelServices, base: number, path: string, value: number): void {
  const field = kernel.types.tryResolve(path);
  if (field === undefined) return;
  const at = base + field.off;
  if (field.bits > 0) {
    const mask = 2 ** field.bits - 1;
    const bytes = Math.ceil((field.bitOff + field.bits) / 8);
    let word = 0;
    for (let i = bytes - 1; i >= 0; i--) word = word * 256 + kernel.mem.read8(at + i);
    const old = Math.floor(word / 2 ** field.bitOff) % 2 ** field.bits;
    word += ((value & mask) - old) * 2 ** field.bitOff;
    for (let i = 0; i < bytes; i++, word = Math.floor(word / 256)) kernel.mem.write8(at + i, word % 256);
    return;
  }
  if (field.size === 1) kernel.mem.write8(at, value);
  else if (field.size === 2) kernel.mem.write16(at, value);
  else if (field.size === 4) kernel.mem.write32(at, value);
  else kernel.mem.write64(at, BigInt(value));
}

/** Reads a member of up to 32 bits, unsigned; 0 where the BTF has none. */
export function readField(kernel: KernelServices, base: number, path: string): number {
  const field = kernel.types.tryResolve(path);
  if (field === undefined) return 0;
  const at = base + field.off;
  if (field.bits > 0) {
    let word = 0;
    for (let i = Math.ceil((field.bitOff + field.bits) / 8) - 1; i >= 0; i--)
      word = word * 256 + kernel.mem.read8(at + i);
    return Math.floor(word / 2 ** field.bitOff) % 2 ** field.bits;
  }
  if (field.size === 1) return kernel.mem.read8(at);
  if (field.size === 2) return kernel.mem.read16(at);
  return kernel.mem.read32(at);
}

/** Writes a pointer member. */
export function writePointerField(kernel: KernelServices, base: number, path: string, target: number): void {
  const field = kernel.types.tryResolve(path);
  if (field !== undefined) writePointer(kernel.mem, base + field.off, target);
}
