// SPDX-License-Identifier: MIT
// BPF_MAP_DELETE_ELEM. @see kernel/bpf/syscall.c, map_delete_elem
import { ENOTSUPP } from '@tsbpf/uapi';
import { copyKey, mapForAccess } from './map-elem.ts';
import type { Command } from '../command.ts';

export const mapDeleteElem: Command<3> = (k, attr) => {
  const map = mapForAccess(k, attr.map_fd, 'write');
  if (typeof map === 'number') return map;
  const key = copyKey(k, map, attr.key);
  if (key < 0) return key;
  const { ops } = map.def;
  if (ops.sysDelete === undefined) return -ENOTSUPP;
  map.writeCount++;
  try {
    return ops.sysDelete(map, key);
  } finally {
    map.writeCount--;
  }
};
