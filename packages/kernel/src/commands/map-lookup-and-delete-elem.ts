// SPDX-License-Identifier: MIT
// BPF_MAP_LOOKUP_AND_DELETE_ELEM. @see kernel/bpf/syscall.c, map_lookup_and_delete_elem
import { ENOMEM, ENOTSUPP } from '@tsbpf/uapi';
import { copyKey, copyOut, mapForAccess, writing } from './map-elem.ts';
import type { Command } from '../command.ts';

export const mapLookupAndDeleteElem: Command<21> = (k, attr) => {
  const map = mapForAccess(k, attr.map_fd, 'write');
  if (typeof map === 'number') return map;
  const key = copyKey(k, map, attr.key);
  if (key < 0) return key;
  const value = k.scratch.get(1, Math.max(8, map.syscallValueSize));
  if (value === 0) return -ENOMEM;
  if (map.def.ops.sysLookupAndDelete === undefined) return -ENOTSUPP;
  const err = writing(map, () => map.def.ops.sysLookupAndDelete?.(map, key, value) ?? 0);
  if (err < 0) return err;
  // v5.6 has popped the element by now and reports success even where the user's buffer cannot be written.
  copyOut(k, value, attr.value, map.syscallValueSize);
  return 0;
};
