// SPDX-License-Identifier: MIT
// Files of the cgroup file system, for callers of open(2) and read(2).
import { EACCES, EISDIR, ENOENT, ENOTDIR } from '@tsbpf/uapi';
import type { HostVerbRow } from '@tsbpf/core';
import { cgroupsOf, type Cgroups } from './cgroups.ts';
import { SysctlFile } from './sysctl/file.ts';
import { MAY_READ, sysctlPermission } from './sysctl/sysctls.ts';
import type { CgroupFile } from './tree/cgroup-file.ts';
import type { Cgroup } from './tree/cgroup.ts';
import { CGROUP_MOUNT } from './tree/path.ts';

/** Of open(2), on x86-64. */
const O_DIRECTORY = 0o200000;
const READ_BYTES = 4096;

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

/** A file below /proc/sys, read by the process past its cgroup's programs; undefined where it is not one of ours. */
function readSysctl(cgroups: Cgroups, path: string): Uint8Array | number | undefined {
  const sysctl = cgroups.sysctls.find(path);
  if (sysctl === undefined) return undefined;
  if (sysctlPermission(sysctl, cgroups.kernel.env.current, MAY_READ) < 0) return -EACCES;
  return new SysctlFile(cgroups, sysctl).read(READ_BYTES);
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
    if (path.startsWith('/proc/sys/')) return readSysctl(cgroups, path);
    return isBelowMount(path) ? readAttribute(cgroups, path) : undefined;
  },
};
