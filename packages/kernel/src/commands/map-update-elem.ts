// SPDX-License-Identifier: MIT
// BPF_MAP_UPDATE_ELEM. @see kernel/bpf/syscall.c, map_update_elem
import { BPF_F_LOCK, EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import { copyKey, copyValue, mapForAccess } from './map-elem.ts';
import type { Command } from '../command.ts';

const LOCK = BigInt(BPF_F_LOCK);

export const mapUpdateElem: Command<2> = (k, attr) => {
  const map = mapForAccess(k, attr.map_fd, 'write');
  if (typeof map === 'number') return map;
  const flags = attr.flags ?? 0n;
  if (flags !== 0n && (flags & LOCK) !== 0n && map.spinLockOff < 0) return -EINVAL;
  const key = copyKey(k, map, attr.key);
  if (key < 0) return key;
  const value = copyValue(k, map, attr.value);
  if (value < 0) return value;
  const { ops } = map.def;
  if (ops.sysUpdate === undefined) return -ENOTSUPP;
  map.writeCount++;
  try {
    return ops.sysUpdate(map, key, value, flags === 0n ? 0 : Number(flags), k.fds.file(attr.map_fd));
  } finally {
    map.writeCount--;
  }
};
