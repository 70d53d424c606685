// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_SK_STORAGE: a value for each socket. @see net/core/bpf_sk_storage.c, sk_storage_map_ops
import {
  BPF_F_CLONE,
  BPF_F_NO_PREALLOC,
  BPF_MAP_TYPE_SK_STORAGE,
  CAP_SYS_ADMIN,
  E2BIG,
  EINVAL,
  ENOENT,
  EPERM,
} from '@tsbpf/uapi';
import { defineMapType, type Errno, type KernelServices, type MapParams, type MapTypeDef } from '@tsbpf/core';
import { arrayCheckBtf, chargeAndAlloc, copyValueOut, mapStructSize, roundUpPow2 } from '@tsbpf/maps';
import { ELEM_STRUCT_SIZE } from '../sk-storage/layout.ts';
import { skStoragesOf } from '../sk-storage/state.ts';
import { findValue, removeAllOf, removeValue, SkStorageMap, storeValue } from '../sk-storage/storage.ts';
import { sockOfFd } from '../sock/socket-file.ts';

const KEY_SIZE = 4;
/** An element's size is kept in 16 bits. */
const MAX_ELEM_BYTES = 0xffff;
/** `sizeof(struct bucket)` and `sizeof(struct bpf_sk_storage_map)`, for the memlock charge. */
const [BUCKET_SIZE, MAP_SIZE] = [16, 320];

/** @see bpf_sk_storage_map_alloc_check */
function allocCheck(params: MapParams, kernel: KernelServices): Errno {
  const { flags, maxEntries, keySize, valueSize, btfKeyTypeId, btfValueTypeId } = params;
  const bad =
    (flags & BPF_F_NO_PREALLOC) === 0 ||
    (flags & ~(BPF_F_NO_PREALLOC | BPF_F_CLONE)) !== 0 ||
    maxEntries !== 0 ||
    keySize !== KEY_SIZE ||
    valueSize === 0 ||
    btfKeyTypeId === 0 ||
    btfValueTypeId === 0;
  if (bad) return -EINVAL;
  if (!kernel.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  return valueSize > MAX_ELEM_BYTES - ELEM_STRUCT_SIZE ? -E2BIG : 0;
}

/** Runs `action` on the socket behind the fd that is the key. */
function withSock(map: SkStorageMap, keyOff: number, action: (sk: number) => Errno): Errno {
  const sock = sockOfFd(map.kernel, map.mem.readS32(keyOff));
  return typeof sock === 'number' ? sock : action(sock.off);
}

export const skStorageMapType: MapTypeDef<SkStorageMap> = defineMapType<SkStorageMap>({
  type: BPF_MAP_TYPE_SK_STORAGE,
  name: 'sk_storage',
  since: '5.2',
  onlyHelpers: ['sk_storage_get', 'sk_storage_delete'],
  spinLocks: true,
  allocCheck,
  alloc(params, kernel) {
    const costBytes = MAP_SIZE + roundUpPow2(kernel.env.cpus) * BUCKET_SIZE;
    return chargeAndAlloc(kernel, costBytes, () => {
      const listOff = mapStructSize(kernel.types);
      const off = kernel.mem.alloc(listOff + 16, { kind: 'map', name: 'sk_storage', writable: false });
      if (off === 0) return undefined;
      const cacheIndex = skStoragesOf(kernel).nextCacheIndex();
      const init = { def: skStorageMapType, kernel, params, off, regionOff: off, costBytes };
      return new SkStorageMap({ ...init, syscallValueSize: params.valueSize, listOff: off + listOff, cacheIndex });
    });
  },
  ops: {
    sysLookup: (map, keyOff, valueOff) =>
      withSock(map, keyOff, (sk) => {
        const value = findValue(map, sk);
        if (value === 0) return -ENOENT;
        copyValueOut(map, valueOff, value);
        return 0;
      }),
    sysUpdate: (map, keyOff, valueOff, flags) =>
      withSock(map, keyOff, (sk) => Math.min(0, storeValue(map, sk, valueOff, flags))),
    sysDelete: (map, keyOff) => withSock(map, keyOff, (sk) => removeValue(map, sk)),
    checkBtf: arrayCheckBtf,
    free(map) {
      removeAllOf(map);
      map.release();
    },
  },
});
