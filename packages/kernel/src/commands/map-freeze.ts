// SPDX-License-Identifier: MIT
// BPF_MAP_FREEZE. @see kernel/bpf/syscall.c, map_freeze
import { BPF_MAP_TYPE_STRUCT_OPS, CAP_SYS_ADMIN, EBUSY, ENOTSUPP, EPERM } from '@tsbpf/uapi';
import type { Command } from '../command.ts';

export const mapFreeze: Command<22> = (k, attr) => {
  const file = k.fds.get(attr.map_fd, 'map');
  if (typeof file === 'number') return file;
  const { map } = file;
  if (map.type === BPF_MAP_TYPE_STRUCT_OPS) return -ENOTSUPP;
  if (map.writeCount > 0 || map.frozen) return -EBUSY;
  if (!k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  map.frozen = true;
  return 0;
};
