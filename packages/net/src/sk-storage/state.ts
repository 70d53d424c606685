// SPDX-License-Identifier: MIT
import type { Checkpointable, KernelServices, SubsystemKey } from '@tsbpf/core';
import { CACHE_SLOTS } from './layout.ts';

/** What the kernel keeps for all per-socket storage. */
export class SkStorages implements Checkpointable {
  readonly checkpointName = 'sk-storage';
  /** net.core.optmem_max: bytes a socket may use beside its buffers. */
  optmemMax = 20480;
  #maps = 0;

  /** The cache slot of a new map: one after the other, from 1. */
  nextCacheIndex(): number {
    return ++this.#maps % CACHE_SLOTS;
  }

  save(): unknown {
    return { optmemMax: this.optmemMax, maps: this.#maps };
  }
  restore(saved: unknown): void {
    const { optmemMax, maps } = saved as { optmemMax: number; maps: number };
    this.optmemMax = optmemMax;
    this.#maps = maps;
  }
}

const SK_STORAGES: SubsystemKey<SkStorages> = {
  name: 'sk-storage',
  create(kernel) {
    const state = new SkStorages();
    kernel.checkpointables.push(state);
    return state;
  },
};

/** The kernel's state of per-socket storage. */
export function skStoragesOf(kernel: Pick<KernelServices, 'subsystem'>): SkStorages {
  return kernel.subsystem(SK_STORAGES);
}
