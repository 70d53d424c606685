// SPDX-License-Identifier: MIT
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { returnWords } from '../words.ts';
import { commBytes, taskStruct } from './task-struct.ts';

/** Who runs. There always is a task. @see kernel/bpf/helpers.c, kernel/trace/bpf_trace.c */
export const currentTaskHelpers: readonly HelperRow[] = [
  defineHelper('bpf_get_current_pid_tgid', {
    retWidth: 'words',
    call(call) {
      const { pid, tgid } = call.kernel.env.current;
      call.retHi = tgid | 0;
      return pid | 0;
    },
  }),
  defineHelper('bpf_get_current_uid_gid', {
    retWidth: 'words',
    call(call) {
      const { uid, gid } = call.kernel.env.current;
      call.retHi = gid | 0;
      return uid | 0;
    },
  }),
  defineHelper('bpf_get_current_comm', {
    retWidth: 'sext',
    call({ kernel }, buf, size) {
      const { mem, env } = kernel;
      const off = buf >>> 0;
      const comm = commBytes(env.current);
      mem.fill(off, size, 0);
      mem.writeBytes(off, comm.subarray(0, Math.min(size - 1, comm.length)));
      return 0;
    },
  }),
  defineHelper('bpf_get_current_task', {
    retWidth: 'ptr',
    call: ({ kernel }) => taskStruct(kernel, kernel.env.current) | 0,
  }),
  defineHelper('bpf_get_current_cgroup_id', {
    retWidth: 'words',
    call: (call) => returnWords(call, call.kernel.env.current.cgroupId),
  }),
];
