// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import type { KernelBtf } from '@tsbpf/core';
import type { MutableIdSpace } from './id-space.ts';

/** A BTF object with an id, freed after a grace period when its last holder goes. */
export function createKernelBtf(btf: Btf, bytes: Uint8Array, ids: MutableIdSpace<KernelBtf>): KernelBtf {
  let refs = 1;
  const obj = {
    id: 0,
    btf,
    bytes,
    get: () => void refs++,
    put() {
      if (--refs === 0) ids.remove(obj.id);
    },
  };
  obj.id = ids.add(obj);
  return obj;
}

/** The kernel's own BTF: v5.6 gives it no id, and it is never freed. */
export function vmlinuxBtf(btf: Btf, bytes: Uint8Array): KernelBtf {
  return { id: 0, btf, bytes, get: () => undefined, put: () => undefined };
}
