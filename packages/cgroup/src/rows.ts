// SPDX-License-Identifier: MIT
// What the verifier needs of cgroups: importable without the simulator.
import type { ProgTypeDef } from '@tsbpf/core';
import { cgroupDeviceProgType } from './prog-types/cgroup-device.ts';
import { cgroupSkbProgType } from './prog-types/cgroup-skb.ts';
import { cgroupSockAddrProgType } from './prog-types/cgroup-sock-addr.ts';
import { cgroupSockProgType } from './prog-types/cgroup-sock.ts';
import { cgroupSockoptProgType } from './prog-types/cgroup-sockopt.ts';
import { cgroupSysctlProgType } from './prog-types/cgroup-sysctl.ts';
import { sockOpsProgType } from './prog-types/sock-ops.ts';

/** Program types of cgroup hooks, in the order of include/linux/bpf_types.h. */
export const cgroupProgTypes: readonly ProgTypeDef[] = [
  cgroupSkbProgType,
  cgroupSockProgType,
  cgroupSockAddrProgType,
  sockOpsProgType,
  cgroupDeviceProgType,
  cgroupSysctlProgType,
  cgroupSockoptProgType,
];
