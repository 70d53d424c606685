// SPDX-License-Identifier: MIT
import { CAP_NET_ADMIN, CAP_SYS_ADMIN } from '@tsbpf/uapi';
import type { BtfValue } from '@tsbpf/btf';
import type { KernelServices, Task } from '@tsbpf/core';
import { FakeObject } from '../function/fake-object.ts';
import type { KernelPointer, KernelValue } from '../function/kernel-value.ts';

/** Numbers of the first namespaces. @see include/linux/proc_ns.h */
const FIRST_NAMESPACES = {
  pid_ns_for_children: 0xeffffffc,
  uts_ns: 0xeffffffe,
  mnt_ns: 0xf0000000,
  net_ns: 0xf0000098,
};
/** Priority of a task with nice 0. */
const DEFAULT_PRIO = 120;

/** Since 5.14 the member has another name. */
export const stateMember = ({ types }: Pick<KernelServices, 'types'>): string =>
  types.tryResolve('task_struct.state') === undefined ? '__state' : 'state';

/** A task to make. */
export interface TaskSpec {
  readonly pid: number;
  /** Of its process; its own unless given. */
  readonly tgid?: number;
  /** At most 15 bytes. */
  readonly comm?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** CAP_* numbers; those of the kernel's first task for uid 0. */
  readonly caps?: Iterable<number>;
  readonly cgroupId?: bigint;
  readonly parent?: KernelPointer;
  /** Members of its task_struct, by path: `{ exit_code: 256, 'mm.arg_start': 0x7000n }`. */
  readonly fields?: { readonly [path: string]: KernelValue };
}

/**
 * A task of the simulated kernel with its task_struct, laid out by the kernel's BTF. `comm`, `uid` and `gid` may be
 * changed; the structure follows before the next event.
 */
export class SimTask implements Task {
  readonly kind = 'task';
  readonly pid: number;
  readonly tgid: number;
  comm: string;
  uid: number;
  gid: number;
  readonly caps: ReadonlySet<number>;
  cgroupId: bigint;
  off: number;
  readonly #object: FakeObject;
  /** What the kernel's BTF calls `task_struct.state`. */
  readonly #stateMember: string;

  /** @errno ENOENT, EINVAL, ERANGE UsageError: fields that the kernel's task_struct does not have, or hold */
  constructor(kernel: KernelServices, spec: TaskSpec) {
    const { pid, tgid = pid, comm = `task-${pid}`, uid = 0, gid = uid, cgroupId = 1n, parent, fields = {} } = spec;
    this.pid = pid;
    this.tgid = tgid;
    this.comm = comm.slice(0, 15);
    this.uid = uid;
    this.gid = gid;
    this.caps = new Set(spec.caps ?? (uid === 0 ? [CAP_NET_ADMIN, CAP_SYS_ADMIN] : []));
    this.cgroupId = cgroupId;
    const startNs = kernel.env.ktimeNs();
    this.#object = new FakeObject(kernel, 'task_struct', { pid, tgid, 'cred.uid.val': uid });
    this.off = this.#object.off;
    this.#stateMember = stateMember(kernel);
    const has = (path: string): boolean => kernel.types.tryResolve(`task_struct.${path}`) !== undefined;
    const put = (path: string, value: KernelValue): void => {
      if (has(path)) this.#object.set(path, value);
    };
    for (const path of ['prio', 'static_prio', 'normal_prio']) put(path, DEFAULT_PRIO);
    for (const path of ['start_time', 'start_boottime']) put(path, startNs);
    put('real_cred', BigInt(String(this.#object.get('cred'))));
    put('group_leader', this);
    for (const path of ['parent', 'real_parent']) put(path, parent ?? this);
    if (has('nsproxy')) {
      for (const [ns, inum] of Object.entries(FIRST_NAMESPACES)) {
        if (kernel.types.tryResolve(`nsproxy.${ns}`) === undefined) continue;
        const struct =
          ns === 'net_ns' ? 'net' : ns === 'pid_ns_for_children' ? 'pid_namespace' : ns.replace('ns', 'namespace');
        if (kernel.types.tryResolve(`${struct}.ns.inum`) !== undefined) this.#object.set(`nsproxy.${ns}.ns.inum`, inum);
      }
    }
    for (const [path, value] of Object.entries(fields)) this.#object.set(path, value);
    this.sync();
  }

  /** A member of its task_struct. @errno ENOENT, EFAULT, EINVAL UsageError */
  get(path: string): BtfValue {
    return this.#object.get(path);
  }

  set(path: string, value: KernelValue): void {
    this.#object.set(path, value);
  }

  /** Whether it could run, waits, or is gone: `task_struct.state`. @see include/linux/sched.h, TASK_RUNNING */
  setState(state: number): void {
    this.#object.set(this.#stateMember, state);
  }

  /** Brings the structure up to date. */
  sync(): void {
    const comm = new Uint8Array(16);
    new TextEncoder().encodeInto(this.comm, comm.subarray(0, 15));
    this.#object.set('comm', [...comm]);
    for (const id of ['uid', 'suid', 'euid', 'fsuid']) this.#object.set(`cred.${id}.val`, this.uid);
    for (const id of ['gid', 'sgid', 'egid', 'fsgid']) this.#object.set(`cred.${id}.val`, this.gid);
  }

  free(): void {
    this.#object.free();
  }
}
