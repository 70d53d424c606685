// SPDX-License-Identifier: MIT
// BPF_OBJ_GET_INFO_BY_FD. @see kernel/bpf/syscall.c, bpf_obj_get_info_by_fd
import { BPF_INFO_LAYOUTS, EBADFD, EFAULT, EINVAL, type BtfInfo, type MapInfo, type ProgInfo } from '@tsbpf/uapi';
import type { BtfFile, KernelBtf, BpfMap, MapFile, ProgFile } from '@tsbpf/core';
import { fillProgInfo } from './prog-info.ts';
import type { Command } from '../command.ts';

export const objGetInfoByFd: Command<15> = (k, attr) => {
  const file = k.fds.file(attr.bpf_fd);
  if (file === undefined) return -EBADFD;
  switch (file.kind) {
    case 'prog':
      attr.info_len = BPF_INFO_LAYOUTS.bpf_prog_info.size;
      return fillProgInfo(k, (file as ProgFile).prog, attr.info as ProgInfo);
    case 'map':
      attr.info_len = BPF_INFO_LAYOUTS.bpf_map_info.size;
      return fillMapInfo((file as MapFile).map, attr.info as MapInfo);
    case 'btf':
      attr.info_len = BPF_INFO_LAYOUTS.bpf_btf_info.size;
      return fillBtfInfo((file as BtfFile).btf, attr.info as BtfInfo);
    default:
      return -EINVAL;
  }
};

function fillMapInfo(map: BpfMap, info: MapInfo): number {
  info.type = map.type;
  info.id = map.id;
  info.key_size = map.keySize;
  info.value_size = map.valueSize;
  info.max_entries = map.maxEntries;
  info.map_flags = map.flags;
  info.name = map.name;
  info.ifindex = 0;
  info.netns_dev = 0n;
  info.netns_ino = 0n;
  info.btf_vmlinux_value_type_id = map.btfVmlinuxValueTypeId;
  info.btf_id = map.btf?.id ?? 0;
  info.btf_key_type_id = map.btfKeyTypeId;
  info.btf_value_type_id = map.btfValueTypeId;
  return 0;
}

function fillBtfInfo(btf: KernelBtf, info: BtfInfo): number {
  const room = info.btf?.length ?? 0;
  info.id = btf.id;
  info.btf_size = btf.bytes.length;
  if (info.btf === undefined) return room === 0 ? 0 : -EFAULT;
  info.btf.set(btf.bytes.subarray(0, Math.min(room, btf.bytes.length)));
  return 0;
}
