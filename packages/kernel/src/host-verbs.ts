// SPDX-License-Identifier: MIT
// The neighbours of bpf(2) in the simulated kernel: each asks the rows that subsystems supply.
import {
  BpfError,
  EIO,
  ENOENT,
  ENOSYS,
  EINVAL,
  ENOTSUPP,
  EPERM,
  EACCES,
  EFAULT,
  type HostSyscalls,
  type MapWalk,
  type PerfEventOpenAttr,
} from '@tsbpf/uapi';
import type { HostVerbRow, MapFile } from '@tsbpf/core';
import { showMap } from './bpffs/show-map.ts';
import type { KernelState } from './kernel-state.ts';

/** Asks each row in turn. */
function ask<V extends keyof HostSyscalls>(
  k: KernelState,
  verb: V,
  args: Parameters<NonNullable<HostSyscalls[V]>>,
): ReturnType<NonNullable<HostSyscalls[V]>> | undefined {
  for (const row of k.registries.verbs) {
    const handler = row[verb] as HostVerbRow[V];
    const answer = (handler as ((k: KernelState, ...a: unknown[]) => unknown) | undefined)?.(k, ...args);
    if (answer !== undefined) return answer as ReturnType<NonNullable<HostSyscalls[V]>>;
  }
  return undefined;
}

export function createHostVerbs(k: KernelState): HostSyscalls {
  return {
    close: (fd) => k.fds.close(fd),
    open: (path, flags) => ask(k, 'open', [path, flags]) ?? -ENOENT,
    readFile: (path) => ask(k, 'readFile', [path]) ?? ownFile(k, path),
    walkMap: (fd) => walkMap(k, fd),
    mmap: (fd, options) => mmap(k, fd, options),
    munmap: (fd) => munmap(k, fd),
    poll: (fds, options) => ask(k, 'poll', [fds, options]) ?? -ENOSYS,
    ifNameToIndex: (name) => ask(k, 'ifNameToIndex', [name]) ?? -ENOSYS,
    uname: () => ({ sysname: 'Linux', release: release(k), version: '#1 tsbpf', machine: 'x86_64' }),
    possibleCpus: () => k.env.cpus,
    setLinkXdp: (ifindex, fd, flags) => ask(k, 'setLinkXdp', [ifindex, fd, flags]) ?? -ENOSYS,
    attachTc: (ifindex, fd, options) => ask(k, 'attachTc', [ifindex, fd, options]) ?? -ENOSYS,
    detachTc: (ifindex, options) => ask(k, 'detachTc', [ifindex, options]) ?? -ENOSYS,
    perfEventOpen: (attr: PerfEventOpenAttr) => ask(k, 'perfEventOpen', [attr]) ?? -ENOSYS,
    perfEventSetBpf: (perfFd, progFd) => ask(k, 'perfEventSetBpf', [perfFd, progFd]) ?? -ENOSYS,
    unlink: (path) => ask(k, 'unlink', [path]) ?? unlink(k, path),
    setsockopt: (fd, level, name, value) => ask(k, 'setsockopt', [fd, level, name, value]) ?? -ENOSYS,
  };
}

/** Removes a pin. */
function unlink(k: KernelState, path: string): number {
  try {
    k.bpffs.unlink(path);
    return 0;
  } catch (error) {
    if (error instanceof BpfError) return -error.errno;
    throw error;
  }
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const release = (k: KernelState): string => `${k.version}.0-tsbpf`;

/** The options of the simulated kernel that programs ask for through `.kconfig`. */
function kernelConfig(k: KernelState): string {
  const on = [
    '64BIT',
    'X86_64',
    'SMP',
    'BPF',
    'BPF_SYSCALL',
    'BPF_JIT',
    'DEBUG_INFO_BTF',
    'CGROUPS',
    'CGROUP_BPF',
    'NET',
  ];
  const more = ['INET', 'IPV6', 'XDP_SOCKETS', 'KPROBES', 'UPROBES', 'PERF_EVENTS', 'BPF_EVENTS', 'TRACEPOINTS'];
  return [...[...on, ...more].map((name) => `CONFIG_${name}=y`), `CONFIG_HZ=${k.env.hz}`, ''].join('\n');
}

/** Files of the kernel itself. */
function ownFile(k: KernelState, path: string): Uint8Array | number {
  switch (path) {
    case '/sys/kernel/btf/vmlinux':
      return k.vmlinux.bytes;
    case '/proc/kallsyms':
      return encode([...k.text.symbols()].map((s) => `${s.addr.toString(16)} T ${s.name}\n`).join(''));
    case '/proc/sys/kernel/unprivileged_bpf_disabled':
      return encode(`${k.env.unprivilegedBpfDisabled}\n`);
    case '/proc/sys/kernel/bpf_stats_enabled':
      return encode(`${k.env.bpfStatsEnabled ? 1 : 0}\n`);
    case '/sys/devices/system/cpu/possible':
      return encode(k.env.cpus === 1 ? '0\n' : `0-${k.env.cpus - 1}\n`);
    case `/boot/config-${release(k)}`:
      return encode(kernelConfig(k));
    default: {
      const fdinfo = /^\/proc\/(?:self|\d+)\/fdinfo\/(\d+)$/.exec(path);
      const file = fdinfo === null ? undefined : k.fds.file(Number(fdinfo[1]));
      if (file === undefined) return pinnedFile(k, path);
      return encode(['pos:\t0', 'flags:\t02000002', ...(file.fdinfo?.() ?? [])].map((line) => `${line}\n`).join(''));
    }
  }
}

/** A pinned map prints its elements; nothing else that is pinned can be read. @see kernel/bpf/inode.c */
function pinnedFile(k: KernelState, path: string): Uint8Array | number {
  const READ = 4;
  const pinned = k.bpffs.find(path, READ);
  if (typeof pinned === 'number') return pinned;
  const text = pinned.kind === 'map' ? showMap(k, pinned.map) : -EIO;
  return typeof text === 'number' ? text : encode(text);
}

/** A walk where elements lie in memory as a lookup gives them: spin locks do not. */
function walkMap(k: KernelState, fd: number): MapWalk | number {
  const file = k.fds.get(fd, 'map');
  if (typeof file === 'number') return file;
  if (!file.mode.read) return -EPERM;
  const { map } = file;
  return map.spinLockOff >= 0 ? -ENOTSUPP : (map.def.ops.walk?.(map) ?? -ENOTSUPP);
}

/** @see kernel/bpf/syscall.c, bpf_map_mmap */
function mmap(
  k: KernelState,
  fd: number,
  options: { lenBytes: number; offset: number; writable: boolean },
): Uint8Array | number {
  const file = k.fds.get(fd, 'map');
  if (typeof file === 'number') return file;
  const { map, mode } = file;
  if (map.def.ops.mmap === undefined || map.spinLockOff >= 0) return -ENOTSUPP;
  if (!mode.read || (options.writable && !mode.write)) return -EACCES;
  if (options.writable && map.frozen) return -EPERM;
  const area = map.def.ops.mmap(map);
  if (typeof area === 'number') return area;
  if (options.offset + options.lenBytes > area.lenBytes) return -EINVAL;
  if (options.lenBytes === 0) return -EFAULT;
  k.mapGetUser(map);
  if (options.writable) map.writeCount++;
  k.mappings.push({ map, fd, writable: options.writable });
  return new Uint8Array(k.mem.wasm.buffer, area.off + options.offset, options.lenBytes);
}

function munmap(k: KernelState, fd: number): number {
  const file = k.fds.file(fd) as MapFile | undefined;
  const at = k.mappings.findLastIndex((m) => m.fd === fd && (file === undefined || m.map === file.map));
  const mapping = k.mappings[at];
  if (mapping === undefined) return -EINVAL;
  k.mappings.splice(at, 1);
  if (mapping.writable) mapping.map.writeCount--;
  k.mapPutUser(mapping.map);
  return 0;
}
