// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_STACK_TRACE. @see kernel/bpf/stackmap.c
import {
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY,
  BPF_F_STACK_BUILD_ID,
  BPF_F_WRONLY,
  BPF_MAP_TYPE_STACK_TRACE,
  CAP_SYS_ADMIN,
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  EPERM,
} from '@tsbpf/uapi';
import { defineMapType, type Errno, type KernelServices, type MapParams, type MapTypeDef } from '@tsbpf/core';
import { chargeAndAlloc, MapObject, mapStructSize, roundUp8, roundUpPow2, type MapInit } from '@tsbpf/maps';

/** The sysctl kernel.perf_event_max_stack. */
export const MAX_STACK_DEPTH = 127;
export const BUILD_ID_BYTES = 32;
const WORD = 8;
/** A bucket before its data: link, hash, number of entries. */
const [HASH, COUNT, DATA] = [8, 12, 16];
/** Member and pointers before the buckets of `struct bpf_stack_map`. */
const MAP_TAIL_BYTES = 32;
const FLAGS = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID;

/** Bytes of one entry of a stack: an address, or a build id with an offset. */
export function entryBytes(map: Pick<MapParams, 'flags'>): number {
  return (map.flags & BPF_F_STACK_BUILD_ID) !== 0 ? BUILD_ID_BYTES : WORD;
}

interface StackInit extends MapInit {
  readonly bucketsOff: number;
  readonly elemsOff: number;
}

/** Stacks by hash: a table of pointers to buckets, and as many buckets as there are slots. */
export class StackTraceMap extends MapObject {
  readonly bucketCount: number;
  readonly #bucketsOff: number;
  readonly #elemsOff: number;
  readonly #elemBytes: number;

  constructor(init: StackInit) {
    super(init);
    this.bucketCount = roundUpPow2(init.params.maxEntries);
    this.#bucketsOff = init.bucketsOff;
    this.#elemsOff = init.elemsOff;
    this.#elemBytes = DATA + roundUp8(this.valueSize);
  }

  /** Offset of the bucket in a slot; 0 for none, and beyond the end. */
  bucketAt(id: number): number {
    return id < this.bucketCount ? this.mem.toOff(this.mem.read64(this.#bucketsOff + WORD * id)) : 0;
  }

  /** Entries in a bucket. */
  depth(bucket: number): number {
    return this.mem.read32(bucket + COUNT);
  }

  dataOff(bucket: number): number {
    return bucket + DATA;
  }

  clear(id: number): void {
    this.mem.write64(this.#bucketsOff + WORD * id, 0n);
  }

  /**
   * Keeps a stack and answers its id, the slot its hash falls on. `takeFirst`: a bucket is taken before stacks are
   * compared, as for build ids.
   * @errno EEXIST another stack is there and must not be replaced; ENOMEM no bucket is free
   */
  insert(
    data: Uint8Array,
    depth: number,
    options: { hash: number; byHash: boolean; reuse: boolean; takeFirst?: boolean },
  ): number {
    const { hash, byHash, reuse, takeFirst = false } = options;
    const { mem } = this;
    const id = (hash & (this.bucketCount - 1)) >>> 0;
    const old = this.bucketAt(id);
    if (old !== 0 && mem.read32(old + HASH) === hash) {
      if (byHash) return id;
    }
    if (takeFirst && this.#freeBucket() === 0) return -ENOMEM;
    if (old !== 0 && mem.read32(old + HASH) === hash) {
      const sameData = mem.readBytes(old + DATA, data.length).every((byte, i) => byte === data[i]);
      if (this.depth(old) === depth && sameData) return id;
    }
    if (old !== 0 && !reuse) return -EEXIST;
    const bucket = this.#freeBucket();
    if (bucket === 0) return -ENOMEM;
    mem.writeBytes(bucket + DATA, data);
    mem.write32(bucket + HASH, hash);
    mem.write32(bucket + COUNT, depth);
    mem.write64(this.#bucketsOff + WORD * id, mem.toAddr(bucket));
    return id;
  }

  #freeBucket(): number {
    const used = new Set(Array.from({ length: this.bucketCount }, (_, id) => this.bucketAt(id)));
    for (let i = 0; i < this.bucketCount; i++) {
      const bucket = this.#elemsOff + i * this.#elemBytes;
      if (!used.has(bucket)) return bucket;
    }
    return 0;
  }
}

function allocCheck(params: MapParams, kernel: KernelServices): Errno {
  if (!kernel.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  const { keySize, valueSize, maxEntries, flags } = params;
  if ((flags & ~FLAGS) !== 0) return -EINVAL;
  if (maxEntries === 0 || keySize !== 4 || valueSize < WORD) return -EINVAL;
  const entry = entryBytes(params);
  return valueSize % entry !== 0 || valueSize / entry > MAX_STACK_DEPTH ? -EINVAL : 0;
}

function alloc(params: MapParams, kernel: KernelServices): StackTraceMap | Errno {
  const buckets = roundUpPow2(params.maxEntries);
  if (buckets > 0x80000000) return -E2BIG;
  const elemBytes = DATA + roundUp8(params.valueSize);
  const structBytes = roundUp8(mapStructSize(kernel.types)) + MAP_TAIL_BYTES;
  const costBytes = structBytes + buckets * WORD + buckets * (DATA + params.valueSize);
  return chargeAndAlloc(kernel, costBytes, () => {
    const regionOff = kernel.mem.alloc(structBytes + buckets * (WORD + elemBytes), {
      kind: 'map',
      name: 'stack_trace',
    });
    if (regionOff === 0) return undefined;
    const bucketsOff = regionOff + structBytes;
    const elemsOff = bucketsOff + buckets * WORD;
    const syscallValueSize = params.valueSize;
    const shape = { off: regionOff, regionOff, costBytes, syscallValueSize, bucketsOff, elemsOff };
    return new StackTraceMap({ ...shape, def: stackTraceMapType, kernel, params });
  });
}

function firstUsed(map: StackTraceMap, from: number, nextOff: number): Errno {
  for (let id = from; id < map.bucketCount; id++) {
    if (map.bucketAt(id) === 0) continue;
    map.mem.write32(nextOff, id);
    return 0;
  }
  return -ENOENT;
}

/** Call stacks that programs noted with bpf_get_stackid. */
export const stackTraceMapType: MapTypeDef<StackTraceMap> = defineMapType<StackTraceMap>({
  type: BPF_MAP_TYPE_STACK_TRACE,
  name: 'stack_trace',
  since: '4.6',
  onlyHelpers: ['get_stackid'],
  noBtf: true,
  allocCheck,
  alloc,
  ops: {
    sysLookup(map, keyOff, valueOff) {
      const bucket = map.bucketAt(map.mem.read32(keyOff));
      if (bucket === 0) return -ENOENT;
      const bytes = map.depth(bucket) * entryBytes(map);
      map.mem.copy(valueOff, map.dataOff(bucket), bytes);
      map.mem.fill(valueOff + bytes, map.valueSize - bytes, 0);
      return 0;
    },
    sysUpdate: () => -EINVAL,
    sysDelete(map, keyOff) {
      const id = map.mem.read32(keyOff);
      if (id >= map.bucketCount) return -E2BIG;
      if (map.bucketAt(id) === 0) return -ENOENT;
      map.clear(id);
      return 0;
    },
    getNextKey(map, keyOff, nextOff) {
      const id = keyOff === 0 ? map.bucketCount : map.mem.read32(keyOff);
      return firstUsed(map, map.bucketAt(id) === 0 ? 0 : id + 1, nextOff);
    },
    free: (map) => map.release(),
  },
});
