// SPDX-License-Identifier: MIT
// Copying inside kernel memory. Most keys and values are a few words: a loop is cheaper than a call into the engine.
import type { BpfMap } from '@tsbpf/core';
import type { KernelMemory } from '@tsbpf/memory';

const SHORT = 128;
/** `sizeof(struct bpf_spin_lock)`. */
const LOCK_SIZE = 4;

/** Copies bytes that do not overlap. Any alignment. */
export function copyBytes(mem: KernelMemory, dst: number, src: number, lenBytes: number): void {
  if (lenBytes > SHORT) {
    mem.copy(dst, src, lenBytes);
    return;
  }
  let done = 0;
  if (((dst | src) & 3) === 0) {
    const { u32 } = mem;
    const to = dst >>> 2;
    const from = src >>> 2;
    const words = lenBytes >>> 2;
    for (let i = 0; i < words; i++) u32[to + i] = u32[from + i];
    done = words << 2;
  }
  if (done === lenBytes) return;
  const { u8 } = mem;
  for (let i = done; i < lenBytes; i++) u8[(dst >>> 0) + i] = u8[(src >>> 0) + i];
}

/** Copies a value into an element, keeping the element's spin lock. @see include/linux/bpf.h, copy_map_value */
export function copyValueIn(map: BpfMap, dst: number, src: number): void {
  const { mem } = map.kernel;
  const lock = map.spinLockOff;
  if (lock < 0) {
    copyBytes(mem, dst, src, map.valueSize);
    return;
  }
  const after = lock + LOCK_SIZE;
  copyBytes(mem, dst, src, lock);
  copyBytes(mem, dst + after, src + after, map.valueSize - after);
}

/** Copies a value out of an element; the spin lock reads as zero. */
export function copyValueOut(map: BpfMap, dst: number, src: number): void {
  const { mem } = map.kernel;
  copyBytes(mem, dst, src, map.valueSize);
  if (map.spinLockOff >= 0) mem.write32(dst + map.spinLockOff, 0);
}
