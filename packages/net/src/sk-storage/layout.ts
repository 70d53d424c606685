// SPDX-License-Identifier: MIT
// What programs store with sockets lies in kernel memory: a structure for each socket that has any, and an element for
// each value. Offsets are those of v5.6 on a 64-bit machine. @see net/core/bpf_sk_storage.c
import type { KernelMemory } from '@tsbpf/memory';
import { readPointer, writePointer } from '../dev/pointer.ts';

/** Values a socket finds without walking its list. */
export const CACHE_SLOTS = 16;

/** `struct bpf_sk_storage`: the cache, the list of elements, the socket. */
export const STORAGE = { cache: 0, list: 128, sk: 136, size: 168 } as const;

/** `struct bpf_sk_storage_elem`: links of the map's and of the socket's list, the storage, the map, the value. */
export const ELEM = { inMap: 0, inSk: 16, storage: 32, map: 64, data: 72 } as const;

/** `sizeof(struct bpf_sk_storage_elem)`, which is charged for together with the value. */
export const ELEM_STRUCT_SIZE = 128;

const NEXT = 0;
const PREV_LINK = 8;

/** Puts a node at the head of a list: a link to the next, and the place of the link to this one. */
export function listAdd(mem: KernelMemory, head: number, node: number): void {
  const first = readPointer(mem, head);
  writePointer(mem, node + NEXT, first);
  writePointer(mem, node + PREV_LINK, head);
  if (first !== 0) writePointer(mem, first + PREV_LINK, node + NEXT);
  writePointer(mem, head, node);
}

/** Takes a node out of its list; its own links stay, for those who still walk. */
export function listRemove(mem: KernelMemory, node: number): void {
  const next = readPointer(mem, node + NEXT);
  const link = readPointer(mem, node + PREV_LINK);
  writePointer(mem, link, next);
  if (next !== 0) writePointer(mem, next + PREV_LINK, link);
}
