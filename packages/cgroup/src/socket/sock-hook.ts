// SPDX-License-Identifier: MIT
// Programs that see a socket itself. @see kernel/bpf/cgroup.c, __cgroup_bpf_run_filter_sk
import { EPERM } from '@tsbpf/uapi';
import type { Cgroups } from '../cgroups.ts';
import type { SimSocket } from './socket.ts';

/** 0 or -EPERM. */
export function runSockHook(cgroups: Cgroups, socket: SimSocket, attachType: number): number {
  if (!cgroups.enabled(socket.cgroup.id, attachType)) return 0;
  return cgroups.run(socket.cgroup.id, attachType, socket.sk.off) === 1 ? 0 : -EPERM;
}
