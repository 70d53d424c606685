// SPDX-License-Identifier: MIT
import type { KernelServices } from '@tsbpf/core';
import { callSockOps } from '../../sock/sock-ops.ts';
import type { TcpEvents } from './world.ts';

/** Tells the sock_ops programs of a socket's cgroup; one that is not in kernel memory has nobody who listens. */
export function kernelEvents(kernel: KernelServices): TcpEvents {
  return {
    call(sk, op, args) {
      if (sk.off === 0) return args[0] ?? 0;
      sk.push();
      const reply = callSockOps(kernel, sk.off, op, args);
      sk.pull();
      return reply;
    },
  };
}
