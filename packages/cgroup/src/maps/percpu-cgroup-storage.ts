// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE. @see kernel/bpf/local_storage.c, bpf_percpu_cgroup_storage_copy
import { BPF_ANY, BPF_EXIST, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, EINVAL, ENOENT } from '@tsbpf/uapi';
import { defineMapType, type MapTypeDef } from '@tsbpf/core';
import { bufferOf } from '../storage/storage.ts';
import {
  allocStorageMap,
  slotBytes,
  storageAllocCheck,
  storageNextKey,
  type CgroupStorageMap,
} from './cgroup-storage-map.ts';
import { checkKeyBtf } from './storage-key.ts';

export const percpuCgroupStorageMapType: MapTypeDef<CgroupStorageMap> = defineMapType<CgroupStorageMap>({
  type: BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
  name: 'percpu_cgroup_storage',
  since: '4.20',
  kernelStruct: 'bpf_map',
  onlyHelpers: ['get_local_storage'],
  noInner: true,
  allocCheck: storageAllocCheck,
  alloc: (params, kernel) => allocStorageMap(params, kernel, percpuCgroupStorageMapType),
  ops: {
    sysLookup(map, keyOff, valueOff) {
      const storage = map.find(keyOff);
      if (storage === undefined) return -ENOENT;
      map.mem.copy(valueOff, bufferOf(storage), slotBytes(map));
      return 0;
    },
    sysUpdate(map, keyOff, valueOff, flags) {
      if (flags !== BPF_ANY && flags !== BPF_EXIST) return -EINVAL;
      const storage = map.find(keyOff);
      if (storage === undefined) return -ENOENT;
      map.mem.copy(bufferOf(storage), valueOff, slotBytes(map));
      return 0;
    },
    sysDelete: () => -EINVAL,
    getNextKey: storageNextKey,
    checkBtf: checkKeyBtf,
    free: (map) => map.release(),
  },
});
