// SPDX-License-Identifier: MIT
// Lists in kernel memory that a node leaves without knowing their head. @see include/linux/list.h, hlist_node
import type { KernelMemory } from '@tsbpf/memory';
import { readPointer, writePointer } from './pointer.ts';

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
