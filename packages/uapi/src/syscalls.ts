// SPDX-License-Identifier: MIT
import type { BpfAttrs, BpfCmd } from './attr.ts';

/** Memory that the pointers of a raw `union bpf_attr` point into. */
export interface UserMemory {
  /** A copy of `lenBytes` bytes at `addr`; undefined where any of them is unreadable (EFAULT). */
  read(addr: bigint, lenBytes: number): Uint8Array | undefined;
  /** False where any byte is not writable (EFAULT); nothing is written then. */
  write(addr: bigint, bytes: Uint8Array): boolean;
}

/** bpf(2): the waist of the project. Loaders, commands and tests speak it; a simulated or a real kernel answers. */
export interface BpfSyscalls {
  /**
   * Runs a command. Returns a value >= 0 (an fd where the command makes one) or `-errno`; never throws for what a
   * kernel would report. Out-fields are written back to `attr`.
   * @see kernel/bpf/syscall.c, bpf(2)
   */
  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number;

  /**
   * The same with the bytes of `union bpf_attr` and the size argument of the system call, through the same checks
   * (E2BIG, CHECK_ATTR). Out-fields are written back to `attr`. -ENOSYS where the implementation has no raw form.
   */
  bpfRaw?(cmd: number, attr: Uint8Array, sizeBytes: number, user: UserMemory): number;
}

/** perf_event_attr, as far as attaching needs it. @see perf_event_open(2) */
export interface PerfEventOpenAttr {
  /** PERF_TYPE_*, or the dynamic number of the kprobe or uprobe PMU. */
  type: number;
  config: bigint;
  /** Function name (kprobe) or file path (uprobe). */
  path?: string;
  /** Address or offset that goes with path. */
  probeOffset?: bigint;
  retprobe?: boolean;
  samplePeriod?: bigint;
  sampleFreq?: bigint;
  sampleType?: bigint;
  wakeupEvents?: number;
  pid: number;
  cpu: number;
}

/**
 * A walk over the elements of a map, in an order of the system's own. `next` goes to the following element and is false
 * after the last; then its key lies in `keys` from byte `keyAt` on and its value, as BPF_MAP_LOOKUP_ELEM gives it, in
 * `values` from `valueAt` on. Both may be the kernel's own memory: read them before anything else is called, and never
 * write. An entry that is there all the time is met exactly once, updated meanwhile or not; one that is added or removed
 * during the walk at most once.
 */
export interface MapWalk {
  /** @errno EBADF (UsageError) the map was freed meanwhile */
  next(): boolean;
  readonly keys: DataView;
  readonly keyAt: number;
  readonly values: DataView;
  readonly valueAt: number;
}

/** A device to attach to; anything with an interface index. */
export interface HasIfindex {
  readonly ifindex: number;
}

/**
 * The neighbours of bpf(2): what a loader needs of the system besides it, as verbs. Any of them may answer
 * `-ENOSYS`. Numbers are results or `-errno`.
 */
export interface HostSyscalls {
  close(fd: number): number;
  /** Opens a directory or file, such as a cgroup; `flags` are open(2)'s. */
  open(path: string, flags: number): number;
  /** Removes a name, such as a pinned object's. Left out where the system cannot. */
  unlink?(path: string): number;
  /** The whole file (kconfig, kallsyms, tracepoint ids, vmlinux BTF), or -errno. */
  readFile(path: string): Uint8Array | number;
  /**
   * Walks over the elements of a map. -ENOTSUPP where the map's type has no walk. Left out where the system has only
   * what bpf(2) has: use GET_NEXT_KEY.
   */
  walkMap?(fd: number): MapWalk | number;
  /** Maps `lenBytes` of a map fd. The bytes are live where the implementation can share memory. */
  mmap(fd: number, options: { lenBytes: number; offset: number; writable: boolean }): Uint8Array | number;
  munmap(fd: number, bytes: Uint8Array): number;
  /** Ready fds among those given, or -errno. */
  poll(fds: readonly number[], options: { timeoutMs: number }): number[] | number;
  ifNameToIndex(name: string): number;
  uname(): { sysname: string; release: string; version: string; machine: string };
  possibleCpus(): number;
  /** Attaches or, with `progFd` -1, detaches an XDP program. `flags` are XDP_FLAGS_*. @see netlink IFLA_XDP */
  setLinkXdp(ifindex: number, progFd: number, flags: number): number;
  /** Attaches a classifier or action to a device's ingress or egress; the result is a handle. @see tc-bpf(8) */
  attachTc(
    ifindex: number,
    progFd: number,
    options: { direction: 'ingress' | 'egress'; priority?: number; handle?: number; directAction?: boolean },
  ): number;
  detachTc(ifindex: number, options: { direction: 'ingress' | 'egress'; handle: number }): number;
  perfEventOpen(attr: PerfEventOpenAttr): number;
  /** PERF_EVENT_IOC_SET_BPF, then enable. */
  perfEventSetBpf(perfFd: number, progFd: number): number;
  /** SO_ATTACH_BPF, SO_DETACH_BPF and their like; `value` is the option's bytes. */
  setsockopt(fd: number, level: number, optname: number, value: Uint8Array): number;
}

/** Everything a loader asks of a system. */
export interface Sys extends BpfSyscalls, HostSyscalls {}
