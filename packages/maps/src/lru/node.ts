// SPDX-License-Identifier: MIT
import type { KernelMemory } from '@tsbpf/memory';
import type { HtabElemLayout } from '../object/layout.ts';

/** Which list a node is on. @see kernel/bpf/bpf_lru_list.h, enum bpf_lru_list_type */
export const ACTIVE = 0;
export const INACTIVE = 1;
export const FREE = 2;
export const LOCAL_FREE = 3;
export const LOCAL_PENDING = 4;

/** What the lists need to know of elements: where their `struct bpf_lru_node` is, and how one leaves the table. */
export interface LruTable {
  readonly mem: KernelMemory;
  readonly layout: HtabElemLayout;
  /** Takes the element out of its bucket; false where it is in none. */
  evict(elem: number): boolean;
}

// Nodes are the offsets of their list links; elements begin `layout.list` before.
export const elemOf = (t: LruTable, node: number): number => node - t.layout.list;
export const nodeOf = (t: LruTable, elem: number): number => elem + t.layout.list;
export const typeOf = (t: LruTable, node: number): number => t.mem.u8[node - t.layout.list + t.layout.type];
export const refOf = (t: LruTable, node: number): boolean => t.mem.u8[node - t.layout.list + t.layout.ref] !== 0;
export const cpuOf = (t: LruTable, node: number): number => t.mem.read16(node - t.layout.list + t.layout.cpu);

/** Which list the node is on now; clears its reference bit. */
export function setType(t: LruTable, node: number, type: number): void {
  t.mem.u8[node - t.layout.list + t.layout.type] = type;
}
export function clearRef(t: LruTable, node: number): void {
  t.mem.u8[node - t.layout.list + t.layout.ref] = 0;
}
export function setCpu(t: LruTable, node: number, cpu: number): void {
  t.mem.write16(node - t.layout.list + t.layout.cpu, cpu);
}
export function setHash(t: LruTable, node: number, hash: number): void {
  t.mem.write32(node - t.layout.list + t.layout.hash, hash);
}
