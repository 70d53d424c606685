// SPDX-License-Identifier: MIT
// Device nodes, and the programs asked before one is opened or made. @see security/device_cgroup.c
import { BPF_CGROUP_DEVICE, EPERM } from '@tsbpf/uapi';
import type { Cgroups } from '../cgroups.ts';
import { withCallMemory } from '../run/context.ts';

/** @see include/uapi/linux/bpf.h, BPF_DEVCG_ACC_MKNOD and BPF_DEVCG_DEV_BLOCK */
export const DEVCG_ACC_MKNOD = 1;
export const DEVCG_ACC_READ = 2;
export const DEVCG_ACC_WRITE = 4;
const DEVCG_DEV_BLOCK = 1;
const DEVCG_DEV_CHAR = 2;

/** A device's numbers. */
export interface DeviceNumber {
  readonly type: 'char' | 'block';
  readonly major: number;
  readonly minor: number;
}

/** A node in /dev. */
export interface DeviceNode extends DeviceNumber {
  readonly path: string;
  /** Permission bits for everybody but root. */
  readonly mode: number;
}

const char = (path: string, major: number, minor: number, mode = 0o666): DeviceNode => ({
  path,
  type: 'char',
  major,
  minor,
  mode,
});

/** What every machine has, and a disk. */
export const DEFAULT_DEVICES: readonly DeviceNode[] = [
  char('/dev/mem', 1, 1, 0o640),
  char('/dev/null', 1, 3),
  char('/dev/zero', 1, 5),
  char('/dev/full', 1, 7),
  char('/dev/random', 1, 8),
  char('/dev/urandom', 1, 9),
  char('/dev/kmsg', 1, 11, 0o644),
  char('/dev/tty', 5, 0),
  char('/dev/ptmx', 5, 2),
  char('/dev/net/tun', 10, 200),
  char('/dev/fuse', 10, 229),
  { path: '/dev/sda', type: 'block', major: 8, minor: 0, mode: 0o660 },
  { path: '/dev/loop0', type: 'block', major: 7, minor: 0, mode: 0o660 },
];

/** Numbers that make an overlay's white-out, which anybody may make. */
export function isWhiteout({ type, major, minor }: DeviceNumber): boolean {
  return type === 'char' && major === 0 && minor === 0;
}

/** Asks the programs of the current task's cgroup: 0 or -EPERM. `access` is a sum of DEVCG_ACC_*. */
export function runDeviceHook(cgroups: Cgroups, device: DeviceNumber, access: number): number {
  const cgroupId = cgroups.currentCgroupId();
  if (!cgroups.enabled(cgroupId, BPF_CGROUP_DEVICE)) return 0;
  return withCallMemory(cgroups.kernel, (memory) => {
    const ctx = memory.context('bpf_cgroup_dev_ctx');
    const type = device.type === 'block' ? DEVCG_DEV_BLOCK : DEVCG_DEV_CHAR;
    ctx.setWord('access_type', (access << 16) | type);
    ctx.setWord('major', device.major);
    ctx.setWord('minor', device.minor);
    return cgroups.run(cgroupId, BPF_CGROUP_DEVICE, ctx.off) !== 0 ? 0 : -EPERM;
  });
}
