// SPDX-License-Identifier: MIT
// Pages that messages point into: several messages may hold one. @see net/core/sock.c, sk_page_frag_refill
import type { KernelMemory } from '@tsbpf/memory';

/** Bytes before a page's data: how many hold it. */
const HEAD = 64;
const REFS = 0;
const SIZE = 4;
/** What senders carve their messages from: eight pages at once. */
export const PAGE_FRAG_SIZE = 32768;

/** A page with one reference; 0 when memory is exhausted. */
export function allocPage(mem: KernelMemory, lenBytes: number): number {
  const page = mem.alloc(HEAD + Math.max(lenBytes, 1), { kind: 'packet', name: 'sk_msg page', align: 64 });
  if (page === 0) return 0;
  mem.write32(page + REFS, 1);
  mem.write32(page + SIZE, lenBytes);
  return page;
}

/** Another one holds the page. */
export function getPage(mem: KernelMemory, page: number): void {
  mem.write32(page + REFS, mem.read32(page + REFS) + 1);
}

/** One lets go of the page; the last frees it. */
export function putPage(mem: KernelMemory, page: number): void {
  const refs = mem.read32(page + REFS) - 1;
  mem.write32(page + REFS, refs);
  if (refs === 0) mem.free(page);
}

/** Where the page's data begins. */
export function pageData(page: number): number {
  return page + HEAD;
}

/** Bytes of data a page has room for. */
export function pageSize(mem: KernelMemory, page: number): number {
  return mem.read32(page + SIZE);
}
