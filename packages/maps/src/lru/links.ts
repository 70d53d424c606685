// SPDX-License-Identifier: MIT
// Circular doubly linked lists in kernel memory. A node, and the head of a list, is a `struct list_head`: the offset of
// the next node in the low word of `next`, of the previous one in the low word of `prev`.
import type { KernelMemory } from '@tsbpf/memory';

/** Bytes of a list's head. */
export const HEAD_SIZE = 16;
const PREV = 2;

export const nextOf = (mem: KernelMemory, node: number): number => mem.u32[node >>> 2];
export const prevOf = (mem: KernelMemory, node: number): number => mem.u32[(node >>> 2) + PREV];

/** Makes an empty list. */
export function initList(mem: KernelMemory, head: number): void {
  mem.u32[head >>> 2] = head;
  mem.u32[(head >>> 2) + PREV] = head;
}

export const isEmpty = (mem: KernelMemory, head: number): boolean => nextOf(mem, head) === head;

/** Puts a node first. */
export function addFirst(mem: KernelMemory, head: number, node: number): void {
  const { u32 } = mem;
  const first = u32[head >>> 2];
  u32[node >>> 2] = first;
  u32[(node >>> 2) + PREV] = head;
  u32[(first >>> 2) + PREV] = node;
  u32[head >>> 2] = node;
}

export function unlink(mem: KernelMemory, node: number): void {
  const { u32 } = mem;
  const next = u32[node >>> 2];
  const prev = u32[(node >>> 2) + PREV];
  u32[prev >>> 2] = next;
  u32[(next >>> 2) + PREV] = prev;
}

/** Takes a node from its list and puts it first in another, or the same. */
export function moveFirst(mem: KernelMemory, head: number, node: number): void {
  unlink(mem, node);
  addFirst(mem, head, node);
}
