// SPDX-License-Identifier: MIT
// Buffers whose length bpf(2) does not carry (keys, values, cursors) are copied to memory that ends where a page
// without access begins: a buffer shorter than the map's key or value then is EFAULT, as the contract says, instead
// of memory of this process that the kernel reads or overwrites.
import type { Libc } from './libc.ts';
import { SyscallError } from '@tsbpf/uapi';

const PAGE_BYTES = 65536; // a multiple of every Linux page size in use
const PROT_NONE = 0;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;

interface Slot {
  addr: bigint;
  capacity: number;
  bytes: Uint8Array;
}

/** A copy of a buffer in fenced memory, for one system call. */
export interface Fenced {
  readonly addr: bigint;
  /** Copies the fenced bytes back to the buffer. */
  copyBack(): void;
}

/** Fenced memory; `reset` before each system call makes all of it free again. */
export interface FencePool {
  reset(): void;
  /** Copies a buffer in. The address is never 0, and has no access at all for an empty buffer. */
  place(buffer: Uint8Array): Fenced;
  /** An address where any access is EFAULT. */
  unmapped(): bigint;
}

/** Creates a pool; memory grows to the largest call and stays until the process ends. */
export function createFencePool(libc: Libc): FencePool {
  const slots: Slot[] = [];
  let used = 0;

  const makeSlot = (lenBytes: number): Slot => {
    const capacity = Math.max(1, Math.ceil(lenBytes / PAGE_BYTES)) * PAGE_BYTES;
    const addr = libc.mmap(capacity + PAGE_BYTES, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    if (typeof addr === 'number')
      throw new SyscallError(`No memory for a buffer of ${lenBytes} bytes`, { errno: -addr, cmd: 'mmap' });
    libc.mprotect(addr + BigInt(capacity), PAGE_BYTES, PROT_NONE);
    return { addr, capacity, bytes: libc.viewAt(addr, capacity) };
  };

  const slotFor = (lenBytes: number): Slot => {
    const index = used++;
    const old = slots[index];
    if (old !== undefined && old.capacity >= lenBytes) return old;
    if (old !== undefined) libc.munmap(old.addr, old.capacity + PAGE_BYTES);
    const slot = makeSlot(lenBytes);
    slots[index] = slot;
    return slot;
  };

  return {
    reset() {
      used = 0;
    },
    place(buffer) {
      const slot = slotFor(buffer.length);
      const start = slot.capacity - buffer.length;
      slot.bytes.set(buffer, start);
      return {
        addr: slot.addr + BigInt(start),
        copyBack: () => buffer.set(slot.bytes.subarray(start)),
      };
    },
    unmapped() {
      const slot = slotFor(0);
      return slot.addr + BigInt(slot.capacity);
    },
  };
}
