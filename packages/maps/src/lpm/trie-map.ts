// SPDX-License-Identifier: MIT
// A binary trie of prefixes in kernel memory. The README has the layout. @see kernel/bpf/lpm_trie.c
import { BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE, CAP_SYS_ADMIN, EINVAL, EPERM } from '@tsbpf/uapi';
import type { Errno, KernelServices, MapParams, MapTypeDef } from '@tsbpf/core';
import { ElemPool, POOL_STATE_SIZE } from '../object/elem-pool.ts';
import { ACCESS_MASK, flagsOk } from '../object/flags.ts';
import { mapStructSize } from '../object/layout.ts';
import { MapObject, chargeAndAlloc, type MapInit } from '../object/map-object.ts';
import { KMALLOC_MAX_SIZE, roundUp8 } from '../object/sizes.ts';

/** `sizeof(struct lpm_trie_node)` in v5.6, and of `struct lpm_trie`, for limits and the memlock charge. */
const KERNEL_NODE_SIZE = 40;
const KERNEL_TRIE_SIZE = 320;
/** A key is a u32 prefix length, then 1 to 256 bytes. */
export const KEY_DATA = 4;
const MAX_DATA = 256;

/** State behind `struct bpf_map`: root node, entries, then the pool's. */
const ROOT = 0;
const ENTRIES = 4;
const STATE_SIZE = 8;

/** A node: two children, prefix length, whether it is only a fork; then the data and, 8-aligned, the value. */
export const NODE = { child0: 0, child1: 4, prefixLen: 8, fork: 12, data: 16 } as const;

export class TrieMap extends MapObject {
  /** Bytes and bits of a key without its length. */
  readonly dataSize: number;
  readonly maxPrefixLen: number;
  /** From a node to its value. */
  readonly valueAt: number;
  readonly pool: ElemPool;
  /** Where the offset of the root node is kept. */
  readonly rootSlot: number;

  constructor(init: MapInit & { stateOff: number; nodeSize: number; valueAt: number }) {
    super(init);
    this.dataSize = this.keySize - KEY_DATA;
    this.maxPrefixLen = this.dataSize * 8;
    this.valueAt = init.valueAt;
    this.rootSlot = init.stateOff + ROOT;
    this.pool = new ElemPool(init.kernel, {
      stateOff: init.stateOff + STATE_SIZE,
      elemSize: init.nodeSize,
      linkAt: NODE.child0,
      name: init.def.name,
    });
  }

  /** Prefixes with a value. */
  get entries(): number {
    return this.mem.read32(this.rootSlot + ENTRIES);
  }
  set entries(entries: number) {
    this.mem.write32(this.rootSlot + ENTRIES, entries);
  }

  override release(): void {
    this.pool.destroy();
    super.release();
  }
}

export function trieAllocCheck(params: MapParams, kernel: KernelServices): Errno {
  if (!kernel.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  const bad =
    params.maxEntries === 0 ||
    (params.flags & BPF_F_NO_PREALLOC) === 0 ||
    !flagsOk(params.flags, BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | ACCESS_MASK) ||
    params.keySize <= KEY_DATA ||
    params.keySize > KEY_DATA + MAX_DATA ||
    params.valueSize === 0 ||
    params.valueSize > KMALLOC_MAX_SIZE - MAX_DATA - KERNEL_NODE_SIZE;
  return bad ? -EINVAL : 0;
}

export function allocTrie(params: MapParams, kernel: KernelServices, def: MapTypeDef<TrieMap>): TrieMap | Errno {
  const dataSize = params.keySize - KEY_DATA;
  const costBytes = KERNEL_TRIE_SIZE + params.maxEntries * (KERNEL_NODE_SIZE + params.valueSize + dataSize);
  return chargeAndAlloc(kernel, costBytes, () => {
    const structSize = mapStructSize(kernel.types);
    const regionOff = kernel.mem.alloc(structSize + STATE_SIZE + POOL_STATE_SIZE, { kind: 'map', name: def.name });
    if (regionOff === 0) return undefined;
    const valueAt = NODE.data + roundUp8(dataSize);
    return new TrieMap({
      def,
      kernel,
      params,
      off: regionOff,
      regionOff,
      costBytes,
      syscallValueSize: params.valueSize,
      stateOff: regionOff + structSize,
      nodeSize: valueAt + roundUp8(params.valueSize),
      valueAt,
    });
  });
}
