// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_CGROUP_STORAGE. @see kernel/bpf/local_storage.c, cgroup_storage_map_ops
import { BPF_EXIST, BPF_F_LOCK, BPF_MAP_TYPE_CGROUP_STORAGE, EINVAL, ENOENT } from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapTypeDef } from '@tsbpf/core';
import { copyValueIn, copyValueOut } from '@tsbpf/maps';
import { bufferOf, replaceBuffer } from '../storage/storage.ts';
import { allocStorageMap, storageAllocCheck, storageNextKey, type CgroupStorageMap } from './cgroup-storage-map.ts';
import { checkKeyBtf } from './storage-key.ts';

/** Values are replaced whole, so that a program never sees half of one; with F_LOCK they are changed in place. */
function update(map: CgroupStorageMap, keyOff: number, valueOff: number, flags: number): Errno {
  if (flags > (BPF_F_LOCK | BPF_EXIST) || (flags & ~(BPF_F_LOCK | BPF_EXIST)) !== 0) return -EINVAL;
  if ((flags & BPF_F_LOCK) !== 0 && map.spinLockOff < 0) return -EINVAL;
  const storage = map.find(keyOff);
  if (storage === undefined) return -ENOENT;
  if ((flags & BPF_F_LOCK) !== 0) {
    copyValueIn(map, bufferOf(storage), valueOff);
    return 0;
  }
  if (map.spinLockOff >= 0) map.mem.write32(valueOff + map.spinLockOff, 0);
  return replaceBuffer(storage, valueOff);
}

export const cgroupStorageMapType: MapTypeDef<CgroupStorageMap> = defineMapType<CgroupStorageMap>({
  type: BPF_MAP_TYPE_CGROUP_STORAGE,
  name: 'cgroup_storage',
  since: '4.19',
  kernelStruct: 'bpf_map',
  onlyHelpers: ['get_local_storage'],
  spinLocks: true,
  noInner: true,
  allocCheck: storageAllocCheck,
  alloc: (params, kernel) => allocStorageMap(params, kernel, cgroupStorageMapType),
  ops: {
    sysLookup(map, keyOff, valueOff) {
      const storage = map.find(keyOff);
      if (storage === undefined) return -ENOENT;
      copyValueOut(map, valueOff, bufferOf(storage));
      return 0;
    },
    sysUpdate: update,
    sysDelete: () => -EINVAL,
    getNextKey: storageNextKey,
    checkBtf: checkKeyBtf,
    free: (map) => map.release(),
  },
});
