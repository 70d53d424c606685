// SPDX-License-Identifier: MIT
// BPF_OBJ_GET. @see kernel/bpf/inode.c, bpf_obj_get_user
import { BPF_F_RDONLY, BPF_F_WRONLY, EINVAL } from '@tsbpf/uapi';
import { installMap } from './map-file.ts';
import { installProg } from './prog-file.ts';
import type { Command } from '../command.ts';

const READ = 4;
const WRITE = 2;

export const objGet: Command<7> = (k, attr) => {
  const flags = attr.file_flags ?? 0;
  if ((attr.bpf_fd ?? 0) !== 0 || (flags & ~(BPF_F_RDONLY | BPF_F_WRONLY)) !== 0) return -EINVAL;
  if (flags === (BPF_F_RDONLY | BPF_F_WRONLY)) return -EINVAL;
  const access = flags === BPF_F_RDONLY ? READ : flags === BPF_F_WRONLY ? WRITE : READ | WRITE;
  const obj = k.bpffs.find(attr.pathname, access);
  if (typeof obj === 'number') return obj;
  if (obj.kind === 'prog') {
    obj.prog.get();
    const fd = installProg(k, obj.prog);
    if (fd < 0) obj.prog.put();
    return fd;
  }
  k.mapGetUser(obj.map);
  const fd = installMap(k, obj.map, { read: (access & READ) !== 0, write: (access & WRITE) !== 0 });
  if (fd < 0) k.mapPutUser(obj.map);
  return fd;
};
