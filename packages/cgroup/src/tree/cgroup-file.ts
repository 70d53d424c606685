// SPDX-License-Identifier: MIT
import { EBADF, ENOENT } from '@tsbpf/uapi';
import type { KernelFile, KernelServices } from '@tsbpf/core';
import type { Cgroup } from './cgroup.ts';

/** An open directory of the cgroup v2 file system. */
export interface CgroupFile extends KernelFile {
  readonly kind: 'cgroup';
  readonly cgroup: Cgroup;
}

declare module '@tsbpf/core' {
  interface KernelFiles {
    cgroup: CgroupFile;
  }
}

/**
 * The cgroup whose directory an fd is.
 * @errno EBADF not open, or not a directory of the hierarchy
 * @errno ENOENT the directory was removed
 * @see kernel/cgroup/cgroup.c, cgroup_get_from_fd
 */
export function cgroupOfFd(kernel: KernelServices, fd: number): Cgroup | number {
  const file = kernel.fds.get(fd, 'cgroup');
  if (typeof file === 'number') return -EBADF;
  return file.cgroup.dead ? -ENOENT : file.cgroup;
}
