// SPDX-License-Identifier: MIT
// The files below /proc/sys of one kernel. @see fs/proc/proc_sysctl.c
import { CAP_NET_ADMIN, EACCES, EEXIST, ENOENT, ENOMEM, UsageError } from '@tsbpf/uapi';
import type { KernelObject, KernelServices, Task } from '@tsbpf/core';
import { writePointer } from '@tsbpf/net';
import { DEFAULT_SYSCTLS, MORE_SYSCTLS } from './defaults.ts';
import type { SysctlKind, SysctlValue } from './handler.ts';

export const MAY_WRITE = 2;
export const MAY_READ = 4;

type InitialValue = readonly (number | bigint)[] | number | bigint | string;

/** What a sysctl is about, where another subsystem keeps it: both see what either writes. */
export interface SysctlVariable {
  get(): SysctlValue;
  set(value: SysctlValue): void;
}

/** What a sysctl starts from. */
export interface SysctlOptions extends SysctlKind {
  /** Below /proc/sys: `net/ipv4/ip_forward`. */
  readonly name: string;
  readonly value: InitialValue | ((kernel: KernelServices) => SysctlVariable);
  /** Permission bits; 0o644 unless given. */
  readonly mode?: number;
}

/** A sysctl; its object's address is that of its `ctl_table_header`. */
export interface Sysctl extends KernelObject {
  readonly kind: 'sysctl';
  readonly name: string;
  readonly mode: number;
  readonly rules: SysctlKind;
  /** Offset of its `ctl_table`. */
  readonly table: number;
  value: SysctlValue;
}

/** `net.ipv4.ip_forward`, `net/ipv4/ip_forward` and `/proc/sys/net/ipv4/ip_forward` are one. */
export function sysctlName(spelling: string): string {
  if (spelling.startsWith('/proc/sys/')) return spelling.slice('/proc/sys/'.length);
  return spelling.includes('/') ? spelling : spelling.replaceAll('.', '/');
}

function valueOf(value: InitialValue): SysctlValue {
  if (typeof value === 'string') return value;
  return (typeof value === 'object' ? value : [value]).map(BigInt);
}

/** The variable of a sysctl that nobody else keeps. */
function ownVariable(initial: InitialValue): SysctlVariable {
  let value = valueOf(initial);
  return { get: () => value, set: (next) => void (value = next) };
}

const MORE = new Map(MORE_SYSCTLS.map((options) => [options.name, options]));

/** The sysctls of a kernel. Those that few ask for come to be when somebody does. */
export class Sysctls {
  readonly #kernel: KernelServices;
  readonly #byName = new Map<string, Sysctl>();

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
    for (const options of DEFAULT_SYSCTLS) this.define(options);
  }

  /** Adds a sysctl. @errno EEXIST UsageError: there is one @errno ENOMEM UsageError */
  define(options: SysctlOptions): Sysctl {
    const { name, value, mode = 0o644, ...rules } = options;
    if (this.#byName.has(name)) throw new UsageError(`sysctl ${name} exists`, { errno: EEXIST });
    const { mem, types, objects } = this.#kernel;
    const headerBytes = types.sizeOf('ctl_table_header');
    const tableBytes = types.sizeOf('ctl_table');
    const base = new TextEncoder().encode(name.slice(name.lastIndexOf('/') + 1));
    const off = mem.alloc(headerBytes + tableBytes + base.length + 1, { kind: 'object', name: 'ctl_table_header' });
    if (off === 0) throw new UsageError('kernel memory is exhausted: no room for a sysctl', { errno: ENOMEM });
    const table = off + headerBytes;
    mem.writeBytes(table + tableBytes, base);
    writePointer(mem, off + types.resolve('ctl_table_header.ctl_table').off, table);
    writePointer(mem, table + types.resolve('ctl_table.procname').off, table + tableBytes);
    const variable = typeof value === 'function' ? value(this.#kernel) : ownVariable(value);
    const sysctl: Sysctl = {
      kind: 'sysctl',
      off,
      table,
      name,
      mode,
      rules,
      get value() {
        return variable.get();
      },
      set value(next) {
        variable.set(next);
      },
    };
    this.#byName.set(name, sysctl);
    objects.add(sysctl);
    return sysctl;
  }

  /** By name, in any spelling. */
  find(name: string): Sysctl | undefined {
    const path = sysctlName(name);
    const more = MORE.get(path);
    return this.#byName.get(path) ?? (more === undefined ? undefined : this.define(more));
  }

  /** As {@link find}. @errno ENOENT UsageError: there is none */
  get(name: string): Sysctl {
    const sysctl = this.find(name);
    if (sysctl === undefined)
      throw new UsageError(`no sysctl ${name}; add it with sysctls.define()`, { errno: ENOENT });
    return sysctl;
  }

  all(): Iterable<Sysctl> {
    for (const name of MORE.keys()) this.find(name);
    return this.#byName.values();
  }

  save(): readonly { readonly sysctl: Sysctl; readonly value: SysctlValue }[] {
    return [...this.#byName.values()].map((sysctl) => ({ sysctl, value: sysctl.value }));
  }

  restore(saved: ReturnType<Sysctls['save']>): void {
    this.#byName.clear();
    for (const { sysctl, value } of saved) {
      sysctl.value = value;
      this.#byName.set(sysctl.name, sysctl);
      this.#kernel.objects.add(sysctl);
    }
  }
}

/**
 * Whether a task may read or write: 0 or -EACCES. Network administrators are as good as root below `net`.
 * @see fs/proc/proc_sysctl.c, test_perm; net/sysctl_net.c, net_ctl_permissions
 */
export function sysctlPermission(sysctl: Sysctl, task: Pick<Task, 'uid' | 'gid' | 'caps'>, may: number): number {
  const asRoot = task.uid === 0 || (sysctl.name.startsWith('net/') && task.caps.has(CAP_NET_ADMIN));
  const bits = asRoot ? sysctl.mode >> 6 : task.gid === 0 ? sysctl.mode >> 3 : sysctl.mode;
  return (may & ~bits & 7) === 0 ? 0 : -EACCES;
}
