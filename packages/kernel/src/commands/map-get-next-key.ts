// SPDX-License-Identifier: MIT
// BPF_MAP_GET_NEXT_KEY. @see kernel/bpf/syscall.c, map_get_next_key
import { ENOMEM, ENOTSUPP } from '@tsbpf/uapi';
import { copyKey, copyOut, mapForAccess } from './map-elem.ts';
import type { Command } from '../command.ts';

export const mapGetNextKey: Command<4> = (k, attr) => {
  const map = mapForAccess(k, attr.map_fd, 'read');
  if (typeof map === 'number') return map;
  const key = attr.key === undefined ? 0 : copyKey(k, map, attr.key);
  if (key < 0) return key;
  const next = k.scratch.get(2, Math.max(8, map.keySize));
  if (next === 0) return -ENOMEM;
  const { ops } = map.def;
  if (ops.getNextKey === undefined) return -ENOTSUPP;
  const err = ops.getNextKey(map, key, next);
  return err < 0 ? err : copyOut(k, next, attr.next_key, map.keySize);
};
