// SPDX-License-Identifier: MIT

/** Where the cgroup v2 hierarchy is mounted. */
export const CGROUP_MOUNT = '/sys/fs/cgroup';

/** The components of a path from the hierarchy's root; the mount point before it may be left out. */
export function components(path: string): string[] {
  const below = path === CGROUP_MOUNT || path.startsWith(`${CGROUP_MOUNT}/`) ? path.slice(CGROUP_MOUNT.length) : path;
  return below.split('/').filter((part) => part !== '');
}
