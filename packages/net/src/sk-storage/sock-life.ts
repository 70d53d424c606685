// SPDX-License-Identifier: MIT
// What becomes of stored values when a socket is born from another, and when it dies.
// @see net/core/bpf_sk_storage.c, bpf_sk_storage_clone, bpf_sk_storage_free
import { BPF_F_CLONE, ENOMEM } from '@tsbpf/uapi';
import type { Errno, KernelServices } from '@tsbpf/core';
import { copyValueIn } from '@tsbpf/maps';
import { readPointer } from '../dev/pointer.ts';
import { ELEM, STORAGE } from './layout.ts';
import { linkElem, mapOfElem, newElem, storageOf, unlinkElem } from './storage.ts';

/**
 * Copies what maps with BPF_F_CLONE store with a listening socket to one it accepts. The caller frees the new socket
 * where this fails.
 * @errno ENOMEM also where the new socket may use no more memory
 */
export function cloneSkStorage(kernel: KernelServices, from: number, to: number): Errno {
  const storage = storageOf(kernel, from);
  if (storage === 0) return 0;
  const { mem } = kernel;
  let node = readPointer(mem, storage + STORAGE.list);
  for (; node !== 0; node = readPointer(mem, node)) {
    const elem = node - ELEM.inSk;
    const map = mapOfElem(kernel, elem);
    // A map without references only waits for its end.
    if (map.refs === 0 || (map.flags & BPF_F_CLONE) === 0) continue;
    const copy = newElem(map, to, { valueOff: 0, charged: false });
    if (copy === 0) return -ENOMEM;
    copyValueIn(map, copy + ELEM.data, elem + ELEM.data);
    if (linkElem(map, to, copy) < 0) return -ENOMEM;
  }
  return 0;
}

/** The socket goes, and all that is stored with it. */
export function freeSkStorage(kernel: KernelServices, sk: number): void {
  if (kernel.types.tryResolve('sock.sk_bpf_storage') === undefined) return;
  for (let storage; (storage = storageOf(kernel, sk)) !== 0;) {
    const elem = readPointer(kernel.mem, storage + STORAGE.list) - ELEM.inSk;
    unlinkElem(mapOfElem(kernel, elem), elem);
  }
}
