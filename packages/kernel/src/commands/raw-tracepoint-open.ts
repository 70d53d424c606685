// SPDX-License-Identifier: MIT
// BPF_RAW_TRACEPOINT_OPEN. @see kernel/bpf/syscall.c, bpf_raw_tracepoint_open
import { EINVAL } from '@tsbpf/uapi';
import type { Command } from '../command.ts';

export const rawTracepointOpen: Command<17> = (k, attr) => {
  const file = k.fds.get(attr.prog_fd, 'prog');
  if (typeof file === 'number') return file;
  const row = k.registries.rawTracepoint.find((r) => r.progTypes.includes(file.prog.type));
  return row === undefined ? -EINVAL : row.open(k, file.prog, attr);
};
