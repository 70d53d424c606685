// SPDX-License-Identifier: MIT
import { EFAULT, EPERM } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { userSpaceOf } from '../task/user-space.ts';
import { wideArg } from '../words.ts';
import { rangeOk } from './unsafe-memory.ts';

/** The idle task, which is a kernel thread and has no user memory. */
const IDLE_PID = 0;

/** Writes to the memory of the current process. @see kernel/trace/bpf_trace.c, bpf_probe_write_user */
export const probeWriteHelpers: readonly HelperRow[] = [
  defineHelper('bpf_probe_write_user', {
    retWidth: 'sext',
    wideArgs: [1],
    call(call, low, src, size) {
      const { kernel } = call;
      if (kernel.env.current.pid === IDLE_PID) return -EPERM;
      const addr = wideArg(call, 1, low);
      const user = userSpaceOf(kernel);
      if (!rangeOk('user', addr, size) || user.read(addr, size) === undefined) return -EFAULT;
      user.write(addr, kernel.mem.readBytes(src, size));
      return 0;
    },
  }),
];
