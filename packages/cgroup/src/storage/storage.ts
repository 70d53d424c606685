// SPDX-License-Identifier: MIT
// Cgroup storage: memory of a program at one attachment. @see kernel/bpf/local_storage.c
import { BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, ENOMEM } from '@tsbpf/uapi';
import type { BpfMap, BpfProg, KernelServices } from '@tsbpf/core';
import { PAGE_SIZE, roundUp8 } from '@tsbpf/maps';
import { readPointer, writePointer } from '@tsbpf/net';

/** `sizeof(struct bpf_cgroup_storage)` and `sizeof(struct bpf_storage_buffer)` in v5.6, which are charged for. */
const STORAGE_SIZE = 104;
const BUFFER_SIZE = 16;

/** One storage: a pointer to its bytes, in kernel memory. */
export interface CgroupStorage {
  readonly map: BpfMap;
  /** Offset of the pointer. */
  readonly at: number;
  /** Pages charged for it. */
  readonly pages: number;
  /** Counts up: a map's storages are listed newest first. */
  readonly seq: number;
}

/** The shared and the per-CPU storage of a program at an attachment, where it has them. */
export type StoragePair = readonly [CgroupStorage | undefined, CgroupStorage | undefined];

export const NO_STORAGE: StoragePair = [undefined, undefined];

export function isPercpu(map: Pick<BpfMap, 'type'>): boolean {
  return map.type === BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

/** Bytes from one CPU's value to the next. */
export function cpuStride(map: BpfMap): number {
  return roundUp8(map.valueSize);
}

/** Bytes of a storage's buffer. */
function bufferBytes(map: BpfMap): number {
  return isPercpu(map) ? cpuStride(map) * map.kernel.env.cpus : map.valueSize;
}

/** Where the value begins: for per-CPU storage, that of CPU 0. */
export function bufferOf(storage: CgroupStorage): number {
  return readPointer(storage.map.kernel.mem, storage.at);
}

/** What a program gets a pointer to: the value, or the current CPU's. */
export function valueOf(storage: CgroupStorage): number {
  const { map } = storage;
  return bufferOf(storage) + (isPercpu(map) ? cpuStride(map) * map.kernel.env.cpu : 0);
}

/** A zeroed buffer for a value; 0 when memory is exhausted. */
function allocBuffer(map: BpfMap): number {
  return map.kernel.mem.alloc(bufferBytes(map), { kind: 'map_value', name: map.name || map.def.name });
}

/** Puts a copy of the bytes at `valueOff` in the place of the value; who holds the old one keeps it for a while. */
export function replaceBuffer(storage: CgroupStorage, valueOff: number): number {
  const { kernel } = storage.map;
  const fresh = allocBuffer(storage.map);
  if (fresh === 0) return -ENOMEM;
  kernel.mem.copy(fresh, valueOff, storage.map.valueSize);
  const old = bufferOf(storage);
  writePointer(kernel.mem, storage.at, fresh);
  kernel.rcu.callRcu(() => kernel.mem.free(old));
  return 0;
}

function allocStorage(map: BpfMap, seq: number): CgroupStorage | undefined {
  const { kernel } = map;
  const bytes = isPercpu(map) ? bufferBytes(map) : STORAGE_SIZE + BUFFER_SIZE + map.valueSize;
  const pages = Math.ceil(bytes / PAGE_SIZE);
  if (kernel.memlock.charge(pages * PAGE_SIZE) < 0) return undefined;
  const at = kernel.mem.alloc(8, { kind: 'map', name: 'bpf_cgroup_storage' });
  const buffer = at === 0 ? 0 : allocBuffer(map);
  if (buffer === 0) {
    if (at !== 0) kernel.mem.free(at);
    kernel.memlock.uncharge(pages * PAGE_SIZE);
    return undefined;
  }
  map.pages += pages;
  writePointer(kernel.mem, at, buffer);
  return { map, at, pages, seq };
}

/** New zeroed storages for all kinds a program uses; undefined (and nothing charged) where memory or its limit ran out. */
export function allocStorages(prog: BpfProg, seq: number): StoragePair | undefined {
  const made: (CgroupStorage | undefined)[] = [];
  for (const facts of prog.verified.cgroupStorage) {
    // Every map the verifier saw is one of the kernel's own.
    const storage = facts === undefined ? undefined : allocStorage(facts as BpfMap, seq);
    if (facts !== undefined && storage === undefined) {
      freeStorages([made[0], undefined]);
      return undefined;
    }
    made.push(storage);
  }
  return [made[0], made[1]];
}

/** Gives storages back once nothing that runs now can see them. */
export function freeStorages(storages: StoragePair): void {
  for (const storage of storages) {
    if (storage === undefined) continue;
    const { map, at, pages } = storage;
    const { kernel }: { kernel: KernelServices } = map;
    map.pages -= pages;
    kernel.memlock.uncharge(pages * PAGE_SIZE);
    const buffer = bufferOf(storage);
    kernel.rcu.callRcu(() => {
      kernel.mem.free(buffer);
      kernel.mem.free(at);
    });
  }
}
