// SPDX-License-Identifier: MIT
// Files of the cgroup file system, for callers of open(2) and read(2).
import { EISDIR, ENOENT, ENOTDIR } from '@tsbpf/uapi';
import type { HostVerbRow } from '@tsbpf/core';
import { cgroupsOf, type Cgroups } from './cgroups.ts';
import type { CgroupFile } from './tree/cgroup-file.ts';
import type { Cgroup } from './tree/cgroup.ts';
import { CGROUP_MOUNT } from './tree/path.ts';

/** Of open(2), on x86-64. */
const O_DIRECTORY = 0o200000;

const encode = (lines: readonly (string | number)[]): Uint8Array =>
  new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));

const isBelowMount = (path: string): boolean => path === CGROUP_MOUNT || path.startsWith(`${CGROUP_MOUNT}/`);

function cgroupFile(cgroups: Cgroups, cgroup: Cgroup): CgroupFile {
  cgroups.hold(cgroup);
  return { kind: 'cgroup', name: cgroup.path, cgroup, release: () => cgroups.put(cgroup) };
}

/** A file in a cgroup's directory. */
function readAttribute(cgroups: Cgroups, path: string): Uint8Array | number {
  if (cgroups.find(path) !== undefined) return -EISDIR;
  const slash = path.lastIndexOf('/');
  const cgroup = cgroups.find(path.slice(0, slash));
  if (cgroup === undefined) return -ENOENT;
  switch (path.slice(slash + 1)) {
    case 'cgroup.procs':
      return encode([...new Set(cgroups.tasksIn(cgroup).map(({ tgid }) => tgid))].sort((a, b) => a - b));
    case 'cgroup.threads':
      return encode(
        cgroups
          .tasksIn(cgroup)
          .map(({ pid }) => pid)
          .sort((a, b) => a - b),
      );
    default:
      return -ENOENT;
  }
}

export const cgroupVerbs: HostVerbRow = {
  open(kernel, path, flags) {
    if (!isBelowMount(path)) return undefined;
    const cgroups = cgroupsOf(kernel);
    const cgroup = cgroups.find(path);
    if (cgroup !== undefined) return kernel.fds.install(cgroupFile(cgroups, cgroup));
    if (typeof readAttribute(cgroups, path) === 'number') return -ENOENT;
    if ((flags & O_DIRECTORY) !== 0) return -ENOTDIR;
    return kernel.fds.install({ kind: 'cgroup attribute', name: path, release: () => undefined });
  },
  readFile(kernel, path) {
    const cgroups = cgroupsOf(kernel);
    if (path === '/proc/self/cgroup') return encode([`0::${cgroups.cgroupOf(kernel.env.current).path}`]);
    return isBelowMount(path) ? readAttribute(cgroups, path) : undefined;
  },
};
