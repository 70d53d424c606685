// SPDX-License-Identifier: MIT
// BPF_PROG_TEST_RUN. @see kernel/bpf/syscall.c, bpf_prog_test_run; net/bpf/test_run.c
import { CAP_SYS_ADMIN, EINVAL, ENOTSUPP, EPERM } from '@tsbpf/uapi';
import type { Command } from '../command.ts';

export const progTestRun: Command<10> = (k, attr) => {
  if (!k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  // A context pointer without a size, or a size without a pointer, cannot be said in the typed form; an empty buffer
  // is the pointer without a size.
  if (attr.ctx_in?.length === 0 || (attr.ctx_out?.length === 0 && (attr.ctx_size_out ?? 0) === 0)) return -EINVAL;
  const file = k.fds.get(attr.prog_fd, 'prog');
  if (typeof file === 'number') return file;
  const { prog } = file;
  if (prog.def.ops.testRun === undefined) return -ENOTSUPP;
  return prog.def.ops.testRun(k, prog, attr);
};
