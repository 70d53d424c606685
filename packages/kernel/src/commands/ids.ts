// SPDX-License-Identifier: MIT
// BPF_*_GET_NEXT_ID and BPF_*_GET_FD_BY_ID. @see kernel/bpf/syscall.c, bpf_obj_get_next_id
import { BPF_F_RDONLY, BPF_F_WRONLY, CAP_SYS_ADMIN, EINVAL, ENOENT, EPERM, type GetNextIdAttr } from '@tsbpf/uapi';
import type { IdSpace } from '@tsbpf/core';
import { installBtf } from './btf-file.ts';
import { installMap } from './map-file.ts';
import { installProg } from './prog-file.ts';
import type { Command } from '../command.ts';
import type { KernelState } from '../kernel-state.ts';

const INT_MAX = 0x7fffffff;

function nextId(space: (k: KernelState) => IdSpace<unknown>): (k: KernelState, attr: GetNextIdAttr) => number {
  return (k, attr) => {
    const start = (attr.start_id ?? 0) >>> 0;
    if (start >= INT_MAX) return -EINVAL;
    if (!k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
    const next = space(k).next(start);
    if (next === undefined) return -ENOENT;
    attr.next_id = next;
    return 0;
  };
}

export const progGetNextId: Command<11> = nextId((k) => k.progs);
export const mapGetNextId: Command<12> = nextId((k) => k.maps);
export const btfGetNextId: Command<23> = nextId((k) => k.btfs);

export const progGetFdById: Command<13> = (k, attr) => {
  if (!k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  const prog = k.progs.get(attr.prog_id ?? 0);
  if (prog === undefined) return -ENOENT;
  prog.get();
  const fd = installProg(k, prog);
  if (fd < 0) prog.put();
  return fd;
};

export const mapGetFdById: Command<14> = (k, attr) => {
  const flags = attr.open_flags ?? 0;
  if ((flags & ~(BPF_F_RDONLY | BPF_F_WRONLY)) !== 0) return -EINVAL;
  if (!k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  if (flags === (BPF_F_RDONLY | BPF_F_WRONLY)) return -EINVAL;
  const map = k.maps.get(attr.map_id ?? 0);
  if (map === undefined) return -ENOENT;
  k.mapGetUser(map);
  const fd = installMap(k, map, { read: flags !== BPF_F_WRONLY, write: flags !== BPF_F_RDONLY });
  if (fd < 0) k.mapPutUser(map);
  return fd;
};

export const btfGetFdById: Command<19> = (k, attr) => {
  if (!k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  const btf = k.btfs.get(attr.btf_id ?? 0);
  if (btf === undefined) return -ENOENT;
  btf.get();
  return installBtf(k, btf);
};
