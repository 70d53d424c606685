// SPDX-License-Identifier: MIT
// Cgroups as targets of BPF_PROG_ATTACH, DETACH and QUERY. @see kernel/bpf/cgroup.c, cgroup_bpf_prog_attach
import { BPF_F_ALLOW_MULTI, BPF_F_REPLACE, EINVAL } from '@tsbpf/uapi';
import type { AttachRow } from '@tsbpf/core';
import { cgroupsOf } from '../cgroups.ts';
import { cgroupOfFd } from '../tree/cgroup-file.ts';
import { attachProg } from './attach.ts';
import { CGROUP_ATTACH_TYPES } from './attach-types.ts';
import { detachProg } from './detach.ts';
import { queryProgs } from './query.ts';

const MULTI_REPLACE = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;

export const cgroupAttachRow: AttachRow = {
  attachTypes: CGROUP_ATTACH_TYPES,
  attach(kernel, prog, attr) {
    const cgroup = cgroupOfFd(kernel, attr.target_fd ?? 0);
    if (typeof cgroup === 'number') return cgroup;
    const flags = attr.attach_flags ?? 0;
    const attachType = attr.attach_type;
    let replace;
    if ((flags & MULTI_REPLACE) === MULTI_REPLACE) {
      const file = kernel.fds.get(attr.replace_bpf_fd ?? 0, 'prog');
      if (typeof file === 'number') return file;
      if (file.prog.type !== CGROUP_ATTACH_TYPES[attachType]) return -EINVAL;
      replace = file.prog;
    }
    return attachProg(cgroup, { prog, attachType, flags, replace, seq: cgroupsOf(kernel).nextSeq() });
  },
  detach(kernel, prog, attr) {
    const cgroup = cgroupOfFd(kernel, attr.target_fd ?? 0);
    return typeof cgroup === 'number' ? cgroup : detachProg(cgroup, attr.attach_type, prog);
  },
  query(kernel, attr) {
    const cgroup = cgroupOfFd(kernel, attr.target_fd ?? 0);
    return typeof cgroup === 'number' ? cgroup : queryProgs(cgroup, attr);
  },
};
