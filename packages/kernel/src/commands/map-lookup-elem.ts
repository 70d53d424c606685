// SPDX-License-Identifier: MIT
// BPF_MAP_LOOKUP_ELEM. @see kernel/bpf/syscall.c, map_lookup_elem
import { BPF_F_LOCK, EINVAL, ENOMEM, ENOTSUPP } from '@tsbpf/uapi';
import { copyKey, copyOut, mapForAccess } from './map-elem.ts';
import type { Command } from '../command.ts';

const LOCK = BigInt(BPF_F_LOCK);

export const mapLookupElem: Command<1> = (k, attr) => {
  const flags = attr.flags ?? 0n;
  if (flags !== 0n && flags !== LOCK) return -EINVAL;
  const map = mapForAccess(k, attr.map_fd, 'read');
  if (typeof map === 'number') return map;
  if (flags !== 0n && map.spinLockOff < 0) return -EINVAL;
  const key = copyKey(k, map, attr.key);
  if (key < 0) return key;
  const value = k.scratch.get(1, Math.max(8, map.syscallValueSize));
  if (value === 0) return -ENOMEM;
  const { ops } = map.def;
  if (ops.sysLookup === undefined) return -ENOTSUPP;
  const err = ops.sysLookup(map, key, value, flags === 0n ? 0 : BPF_F_LOCK);
  return err < 0 ? err : copyOut(k, value, attr.value, map.syscallValueSize);
};
