// SPDX-License-Identifier: MIT
// BPF_TASK_FD_QUERY. @see kernel/bpf/syscall.c, bpf_task_fd_query
import { CAP_SYS_ADMIN, EBADF, EINVAL, ENOENT, ENOSPC, ENOTSUPP, EPERM } from '@tsbpf/uapi';
import type { KernelFile } from '@tsbpf/core';
import type { Command } from '../command.ts';

/** What a file of an attached tracing program tells about itself. */
interface TracingFile extends KernelFile {
  /** Absent: the file is not one of an attached program. A number is -errno. */
  taskFdQuery?: () => { progId: number; fdType: number; name: string; probeOffset: bigint; probeAddr: bigint } | number;
}

export const taskFdQuery: Command<20> = (k, attr) => {
  if (!k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  if ((attr.flags ?? 0) !== 0) return -EINVAL;
  if (attr.pid !== k.env.current.pid) return -ENOENT;
  const file = k.fds.file(attr.fd) as TracingFile | undefined;
  if (file === undefined) return -EBADF;
  const info = file.taskFdQuery?.() ?? -ENOTSUPP;
  if (typeof info === 'number') return info;
  attr.prog_id = info.progId;
  attr.fd_type = info.fdType;
  attr.probe_offset = info.probeOffset;
  attr.probe_addr = info.probeAddr;
  const room = attr.buf?.length ?? 0;
  attr.buf_len = info.name.length;
  if (attr.buf === undefined || room === 0) return 0;
  const shown = info.name.slice(0, room - 1);
  for (let i = 0; i < shown.length; i++) attr.buf[i] = shown.charCodeAt(i);
  attr.buf[shown.length] = 0;
  return shown.length < info.name.length ? -ENOSPC : 0;
};
