// SPDX-License-Identifier: MIT
export { FIRST_OFF, KERNEL_BASE, KERNEL_BASE_HI, addrToOff, isKernelAddr, offToAddr } from './address.ts';
export type { KernelMemoryOptions, MemoryCheckpoint } from './kernel-memory.ts';
export { KernelMemory } from './kernel-memory.ts';
export type { AllocOptions, Region } from './region.ts';
