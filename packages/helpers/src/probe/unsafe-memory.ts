// SPDX-License-Identifier: MIT
// Reading where a program says, which may be anywhere: kernel memory, user memory, or nothing.
import { FIRST_OFF, KERNEL_BASE_HI } from '@tsbpf/memory';
import type { KernelServices } from '@tsbpf/core';
import { TASK_SIZE_MAX, userSpaceOf } from '../task/user-space.ts';

/** Which addresses a read may go to: `any` is v5.6's set for helpers that do not say. */
export type AddressSpace = 'kernel' | 'user' | 'any';

const PAGE = 4096n;

/** Whether a read of the space may be tried at all; what this refuses faults even for no bytes. */
export function rangeOk(space: AddressSpace, addr: bigint, lenBytes: number): boolean {
  if (space === 'user') return addr + BigInt(lenBytes) <= TASK_SIZE_MAX;
  if (space === 'kernel') return addr >= TASK_SIZE_MAX + PAGE && isCanonical(addr);
  return true;
}

/** Bits 47 to 63 are equal. */
function isCanonical(addr: bigint): boolean {
  const top = addr >> 47n;
  return top === 0n || top === 0x1ffffn;
}

/** Offset in kernel memory of `lenBytes` mapped bytes at `addr`; -1 where they are not all there. */
function kernelRange(kernel: KernelServices, addr: bigint, lenBytes: number): number {
  if (Number(addr >> 32n) !== KERNEL_BASE_HI >>> 0) return -1;
  const off = Number(addr & 0xffffffffn);
  return off >= FIRST_OFF && off + lenBytes <= kernel.mem.u8.length ? off : -1;
}

/** The byte at an address; -1 where a load would fault. */
export function byteAt(kernel: KernelServices, space: AddressSpace, addr: bigint): number {
  if (addr < TASK_SIZE_MAX) return space === 'kernel' ? -1 : userSpaceOf(kernel).byteAt(addr);
  if (space === 'user') return -1;
  const off = kernelRange(kernel, addr, 1);
  return off < 0 ? -1 : kernel.mem.read8(off);
}

/** Copies to kernel memory at `dst`. False where a byte of the source faults; `dst` is then undefined. */
export function copyFrom(
  kernel: KernelServices,
  from: { space: AddressSpace; addr: bigint; lenBytes: number },
  dst: number,
): boolean {
  const { space, addr, lenBytes } = from;
  if (!rangeOk(space, addr, lenBytes)) return false;
  if (lenBytes === 0) return true;
  if (addr < TASK_SIZE_MAX) {
    const bytes = userSpaceOf(kernel).read(addr, lenBytes);
    if (bytes !== undefined) kernel.mem.writeBytes(dst, bytes);
    return bytes !== undefined;
  }
  const off = kernelRange(kernel, addr, lenBytes);
  if (off < 0) return false;
  kernel.mem.copy(dst, off, lenBytes);
  return true;
}
