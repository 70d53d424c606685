// SPDX-License-Identifier: MIT
// What the two cgroup storage map types share. Their elements exist where a program that uses the map is attached.
// @see kernel/bpf/local_storage.c
import { BPF_F_NUMA_NODE, E2BIG, EINVAL, ENOENT } from '@tsbpf/uapi';
import type { Errno, KernelServices, MapParams, MapTypeDef } from '@tsbpf/core';
import { ACCESS_MASK, chargeAndAlloc, flagsOk, MapObject, mapStructSize, PAGE_SIZE } from '@tsbpf/maps';
import { cgroupsOf } from '../cgroups.ts';
import { cpuStride, isPercpu, type CgroupStorage } from '../storage/storage.ts';
import { readKey, STORAGE_KEY_BYTES, writeKey, type StorageKey } from './storage-key.ts';

interface Element {
  readonly key: StorageKey;
  readonly storage: CgroupStorage;
}

/** A cgroup storage map. Its contents are what attachments hold of it, so that they live and die with those. */
export class CgroupStorageMap extends MapObject {
  /** A loaded program uses it: it serves no other. */
  get ownedByProg(): boolean {
    for (const { verified } of this.kernel.progs.values()) if (verified.cgroupStorage.includes(this)) return true;
    return false;
  }

  /** Newest first. */
  elements(): Element[] {
    const found: Element[] = [];
    for (const cgroup of cgroupsOf(this.kernel).all()) {
      for (const [attachType, { items }] of cgroup.lists) {
        for (const { storages } of items) {
          const storage = storages.find((one) => one?.map === this);
          if (storage !== undefined) found.push({ key: { cgroupId: cgroup.id, attachType }, storage });
        }
      }
    }
    return found.sort((a, b) => b.storage.seq - a.storage.seq);
  }

  /** Index of the element a key names; -1 where there is none. */
  indexOf(elements: readonly Element[], keyOff: number): number {
    const want = readKey(this.mem, keyOff);
    return elements.findIndex(({ key }) => key.cgroupId === want.cgroupId && key.attachType === want.attachType);
  }

  /** The storage a key names. */
  find(keyOff: number): CgroupStorage | undefined {
    const elements = this.elements();
    return elements[this.indexOf(elements, keyOff)]?.storage;
  }
}

/** @see cgroup_storage_map_alloc */
export function storageAllocCheck(params: MapParams): Errno {
  if (params.keySize !== STORAGE_KEY_BYTES || params.valueSize === 0) return -EINVAL;
  if (params.valueSize > PAGE_SIZE) return -E2BIG;
  if (!flagsOk(params.flags, BPF_F_NUMA_NODE | ACCESS_MASK) || params.maxEntries !== 0) return -EINVAL;
  return 0;
}

export function allocStorageMap(
  params: MapParams,
  kernel: KernelServices,
  def: MapTypeDef<CgroupStorageMap>,
): CgroupStorageMap | Errno {
  const costBytes = mapStructSize(kernel.types);
  return chargeAndAlloc(kernel, costBytes, () => {
    const off = kernel.mem.alloc(costBytes, { kind: 'map', name: def.name });
    if (off === 0) return undefined;
    const slots = isPercpu(params) ? Math.ceil(params.valueSize / 8) * 8 * kernel.env.cpus : params.valueSize;
    return new CgroupStorageMap({ def, kernel, params, off, regionOff: off, costBytes, syscallValueSize: slots });
  });
}

/** @see cgroup_storage_get_next_key */
export function storageNextKey(map: CgroupStorageMap, keyOff: number, nextOff: number): Errno {
  const elements = map.elements();
  const at = keyOff === 0 ? 0 : map.indexOf(elements, keyOff) + 1;
  if (keyOff !== 0 && at === 0) return -ENOENT;
  const next = elements[at];
  if (next === undefined) return -ENOENT;
  writeKey(map.mem, nextOff, next.key);
  return 0;
}

/** Bytes of all CPUs' slots. */
export function slotBytes(map: CgroupStorageMap): number {
  return cpuStride(map) * map.kernel.env.cpus;
}
