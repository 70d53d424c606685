// SPDX-License-Identifier: MIT

/**
 * Where the simulated kernel's memory appears in the 64-bit address space: offset `o` of the WebAssembly memory is the
 * kernel address `KERNEL_BASE | o`. It is the base of Linux's direct map on x86-64, so addresses look familiar, and
 * its low word is zero, so that truncating an address to 32 bits yields the offset.
 * @see Documentation/x86/x86_64/mm.rst
 */
export const KERNEL_BASE = 0xffff888000000000n;

/** The high word of every kernel address, as an int32. */
export const KERNEL_BASE_HI = 0xffff8880 | 0;

/**
 * Offsets below this one are never allocated and stay zero: NULL is there, and a load through NULL plus the offset of a
 * field reads zero, which is what Linux answers for a faulting load through a BTF pointer.
 */
export const FIRST_OFF = 0x10000;

/** The kernel address of an offset; offset 0 is NULL. */
export function offToAddr(off: number): bigint {
  return off === 0 ? 0n : KERNEL_BASE | BigInt(off >>> 0);
}

/** The low word of an address, which is what both engines use; the high word is ignored ({@link isKernelAddr} asks). */
export function addrToOff(addr: bigint): number {
  return Number(addr & 0xffffffffn);
}

/** Whether an address has the high word of the kernel's memory. Says nothing about whether something lives there. */
export function isKernelAddr(addr: bigint): boolean {
  return BigInt.asUintN(64, addr) >> 32n === 0xffff8880n;
}

/** An offset as messages print it. */
export function hexOff(off: number): string {
  return `0x${(off >>> 0).toString(16)}`;
}
