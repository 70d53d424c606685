// SPDX-License-Identifier: MIT
import { CAP_NET_ADMIN, CAP_SYS_ADMIN, EACCES, ENOENT, ENXIO, EPERM } from '@tsbpf/uapi';
import type { Task } from '@tsbpf/core';
import type { Cgroups } from '../cgroups.ts';
import {
  DEVCG_ACC_MKNOD,
  DEVCG_ACC_READ,
  DEVCG_ACC_WRITE,
  isWhiteout,
  runDeviceHook,
  type DeviceNumber,
} from '../device/device.ts';
import { openSocket, type SimSocket, type SocketOptions } from '../socket/socket.ts';
import { SysctlFile } from '../sysctl/file.ts';
import { MAY_READ, MAY_WRITE, sysctlPermission } from '../sysctl/sysctls.ts';
import type { Cgroup } from '../tree/cgroup.ts';

/** Capacity of one read(2) of a sysctl, as shells and libraries make it. */
const READ_BYTES = 4096;
const CAP_MKNOD = 27;

export interface TaskOptions {
  /** The next free one unless given. */
  pid?: number;
  uid?: number;
  gid?: number;
  comm?: string;
  /** Path; the root unless given. */
  cgroup?: string | Cgroup;
  /** CAP_* numbers; what root has, for uid 0. */
  caps?: Iterable<number>;
}

/**
 * A simulated task: makes system calls, which run the programs of its cgroup and answer as the real ones would: a
 * result, or -errno.
 */
export class SimTask {
  readonly #cgroups: Cgroups;
  /** As helpers see it. */
  readonly task: Task;

  constructor(cgroups: Cgroups, options: TaskOptions) {
    const { uid = 0, gid = 0, comm = 'task', cgroup = cgroups.root } = options;
    const others = [cgroups.kernel.env.current, ...cgroups.tasks];
    const pid = options.pid ?? Math.max(...others.map((other) => other.pid)) + 1;
    const where = typeof cgroup === 'string' ? cgroups.get(cgroup) : cgroup;
    this.#cgroups = cgroups;
    this.task = {
      pid,
      tgid: pid,
      uid,
      gid,
      comm,
      caps: new Set(options.caps ?? (uid === 0 ? [CAP_NET_ADMIN, CAP_SYS_ADMIN] : [])),
      cgroupId: where.id,
      off: 0,
    };
    cgroups.addTask(this.task);
  }

  /** The cgroup it is in. */
  get cgroup(): Cgroup {
    return this.#cgroups.cgroupOf(this.task);
  }

  /** Moves to a cgroup. Sockets it has stay where they were made. @errno ENOENT UsageError: there is none */
  moveTo(where: string | Cgroup): void {
    this.#cgroups.move(this.task, where);
  }

  /** Ends: its cgroup may be removed. */
  exit(): void {
    this.#cgroups.removeTask(this.task);
  }

  /** Does something as this task: it is the current one meanwhile. */
  run<T>(action: () => T): T {
    const { env } = this.#cgroups.kernel;
    const outer = env.current;
    env.current = this.task;
    try {
      return action();
    } finally {
      env.current = outer;
    }
  }

  /**
   * Opens a file below /proc/sys.
   * @errno ENOENT no such sysctl
   * @errno EACCES the task may not
   */
  openSysctl(name: string, mode: 'r' | 'w' | 'rw'): SysctlFile | number {
    const sysctl = this.#cgroups.sysctls.find(name);
    if (sysctl === undefined) return -ENOENT;
    const may = (mode.includes('r') ? MAY_READ : 0) | (mode.includes('w') ? MAY_WRITE : 0);
    return sysctlPermission(sysctl, this.task, may) < 0 ? -EACCES : new SysctlFile(this.#cgroups, sysctl);
  }

  /** Opens a sysctl, reads it once and closes it. @errno EPERM a program denies it, and as {@link openSysctl} */
  readSysctl(name: string): string | number {
    return this.run(() => {
      const file = this.openSysctl(name, 'r');
      const bytes = typeof file === 'number' ? file : file.read(READ_BYTES);
      return typeof bytes === 'number' ? bytes : new TextDecoder('latin1').decode(bytes);
    });
  }

  /**
   * Opens a sysctl, writes it once and closes it. Answers what write(2) does: the bytes taken, which are as many as a
   * program wrote where one replaced the value.
   * @errno EPERM a program denies it, and as {@link openSysctl}
   * @errno EINVAL the value is refused
   */
  writeSysctl(name: string, value: string | Uint8Array): number {
    return this.run(() => {
      const file = this.openSysctl(name, 'w');
      const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
      return typeof file === 'number' ? file : file.write(bytes);
    });
  }

  /**
   * Opens a device by its node's path, or by its numbers (a node that everybody may use): 0 or -errno.
   * @errno ENOENT no such node @errno EACCES its permissions @errno EPERM a program denies it @errno ENXIO no such device
   */
  openDevice(which: string | DeviceNumber, mode: 'r' | 'w' | 'rw'): number {
    const { devices } = this.#cgroups;
    const device = typeof which === 'string' ? devices.find(({ path }) => path === which) : which;
    if (device === undefined) return -ENOENT;
    const read = mode.includes('r');
    const write = mode.includes('w');
    const bits = 'mode' in device ? (device.mode as number) : 0o666;
    const denied = (read && (bits & 4) === 0) || (write && (bits & 2) === 0);
    if (denied && this.task.uid !== 0) return -EACCES;
    const access = (read ? DEVCG_ACC_READ : 0) | (write ? DEVCG_ACC_WRITE : 0);
    const err = this.run(() => runDeviceHook(this.#cgroups, device, access));
    if (err < 0) return err;
    const exists = devices.some(
      ({ type, major, minor }) => type === device.type && major === device.major && minor === device.minor,
    );
    return exists ? 0 : -ENXIO;
  }

  /** mknod(2) of a device node: 0 or -errno. @errno EPERM without CAP_MKNOD, or a program denies it */
  mknod(device: DeviceNumber): number {
    if (isWhiteout(device)) return 0;
    if (this.task.uid !== 0 && !this.task.caps.has(CAP_MKNOD)) return -EPERM;
    return this.run(() => runDeviceHook(this.#cgroups, device, DEVCG_ACC_MKNOD));
  }

  /** socket(2). @errno EAFNOSUPPORT @errno ESOCKTNOSUPPORT @errno EPROTONOSUPPORT @errno EPERM a program denies it */
  socket(options: SocketOptions): SimSocket | number {
    return this.run(() => openSocket(this.#cgroups, this.task, options));
  }
}
