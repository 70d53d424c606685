// SPDX-License-Identifier: MIT
// bpf_sk_storage_get and bpf_sk_storage_delete. @see net/core/bpf_sk_storage.c
import { BPF_NOEXIST, ENOENT } from '@tsbpf/uapi';
import { defineHelper, type HelperRow, type KernelServices } from '@tsbpf/core';
import { readField } from '../dev/fields.ts';
import { findValue, removeValue, storeValue, type SkStorageMap } from '../sk-storage/storage.ts';

/** BPF_SK_STORAGE_GET_F_CREATE */
const CREATE = 1;

function mapAt(kernel: KernelServices, off: number): SkStorageMap | undefined {
  return kernel.objects.get<SkStorageMap>(off >>> 0, 'map');
}

/** A socket nobody holds is on its way out: nothing may be stored with it, or taken from it. */
function alive(kernel: KernelServices, sk: number): boolean {
  return readField(kernel, sk, 'sock_common.skc_refcnt') !== 0;
}

/** Helpers on values that live with sockets. */
export const skStorageHelpers: readonly HelperRow[] = [
  defineHelper('bpf_sk_storage_get', {
    retWidth: 'ptr',
    wideArgs: [4],
    call({ kernel, argHi }, mapOff, skOff, valueOff, flags) {
      const map = mapAt(kernel, mapOff);
      const sk = skOff >>> 0;
      if (map === undefined || argHi[4] !== 0 || flags >>> 0 > CREATE) return 0;
      const found = findValue(map, sk);
      if (found !== 0 || flags !== CREATE || !alive(kernel, sk)) return found;
      return Math.max(0, storeValue(map, sk, valueOff >>> 0, BPF_NOEXIST));
    },
  }),
  defineHelper('bpf_sk_storage_delete', {
    retWidth: 'sext',
    call({ kernel }, mapOff, skOff) {
      const map = mapAt(kernel, mapOff);
      const sk = skOff >>> 0;
      return map === undefined || !alive(kernel, sk) ? -ENOENT : removeValue(map, sk);
    },
  }),
];
