// SPDX-License-Identifier: MIT
// Sizes the kernel's rules are written in. @see kernel/bpf/arraymap.c, hashtab.c; include/linux/slab.h

/** Bytes. */
export const PAGE_SIZE = 4096;
/** The largest kmalloc: no value may be larger. Bytes. */
export const KMALLOC_MAX_SIZE = 4 << 20;
/** The largest per-CPU allocation. Bytes. @see include/linux/percpu.h, PCPU_MIN_UNIT_SIZE */
export const PERCPU_MAX_SIZE = 32 << 10;
/** Keys that programs pass lie on their stack. Bytes. */
export const MAX_KEY_SIZE = 512;
/** `sizeof(struct bpf_array)` in v5.6, for the memlock charge. */
export const ARRAY_STRUCT_SIZE = 320;
/** `sizeof(struct htab_elem)` in v5.6. */
export const HTAB_ELEM_SIZE = 48;
/** `sizeof(struct bucket)` in v5.6. */
export const BUCKET_SIZE = 16;

export const U32_MAX = 0xffffffff;

/** Rounds up to a multiple of 8, as the kernel lays out values. Exact beyond 2^32. */
export function roundUp8(lenBytes: number): number {
  return Math.ceil(lenBytes / 8) * 8;
}

/** Rounds up to whole pages. */
export function pageAlign(lenBytes: number): number {
  return Math.ceil(lenBytes / PAGE_SIZE) * PAGE_SIZE;
}

/** The smallest power of two that is not below `n`; 2^32 for more than 2^31. */
export function roundUpPow2(n: number): number {
  return n <= 1 ? 1 : 2 ** (32 - Math.clz32(n - 1));
}
