// SPDX-License-Identifier: MIT
// Where the members of the kernel's map structures lie: as the vmlinux BTF says, as in v5.6 where it has none.
import type { KernelTypes } from '@tsbpf/core';

/** `sizeof(struct bpf_map)` in v5.6. */
const MAP_STRUCT_SIZE = 256;
/** `offsetof(struct bpf_array, value)` in v5.6. */
const ARRAY_VALUE_OFF = 272;

/** Bytes of `struct bpf_map`; a multiple of 8. */
export function mapStructSize(types: KernelTypes): number {
  return types.structId('bpf_map') === undefined ? MAP_STRUCT_SIZE : Math.ceil(types.sizeOf('bpf_map') / 8) * 8;
}

/** Offset of the first value (or pointer) in `struct bpf_array`. */
export function arrayValueOff(types: KernelTypes): number {
  return types.tryResolve('bpf_array.value')?.off ?? ARRAY_VALUE_OFF;
}

/** Offsets in `struct htab_elem`. */
export interface HtabElemLayout {
  /** Next element of the bucket. */
  readonly next: number;
  /** List links: of the LRU, or of a free list. */
  readonly list: number;
  /** LRU: the CPU that inserted the element (u16), the list it is on (u8), whether it was referenced (u8). */
  readonly cpu: number;
  readonly type: number;
  readonly ref: number;
  readonly hash: number;
  readonly key: number;
}

/** v5.6 on a 64-bit machine. */
const HTAB_ELEM: HtabElemLayout = { next: 0, list: 16, cpu: 32, type: 34, ref: 35, hash: 40, key: 48 };

export function htabElemLayout(types: KernelTypes): HtabElemLayout {
  const at = (path: string): number | undefined => types.tryResolve(path)?.off;
  const lru = at('htab_elem.lru_node');
  const [next, hash, key] = [at('htab_elem.hash_node'), at('htab_elem.hash'), at('htab_elem.key')];
  const [list, cpu, type, ref] = ['list', 'cpu', 'type', 'ref'].map((name) => at(`bpf_lru_node.${name}`));
  if (next === undefined || hash === undefined || key === undefined || lru === undefined) return HTAB_ELEM;
  if (list === undefined || cpu === undefined || type === undefined || ref === undefined) return HTAB_ELEM;
  return { next, list: lru + list, cpu: lru + cpu, type: lru + type, ref: lru + ref, hash, key };
}
