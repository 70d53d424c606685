// SPDX-License-Identifier: MIT
import { EINVAL, EPERM } from '@tsbpf/uapi';
import type { Cgroups } from '../cgroups.ts';
import { readValue, writeValue, type Position } from './handler.ts';
import { runSysctlHook } from './hook.ts';
import { MAY_READ, MAY_WRITE, sysctlPermission, type Sysctl } from './sysctls.ts';

/** An open file below /proc/sys. */
export class SysctlFile implements Position {
  readonly sysctl: Sysctl;
  readonly #cgroups: Cgroups;
  /** The file's position in bytes. */
  pos = 0n;

  constructor(cgroups: Cgroups, sysctl: Sysctl) {
    this.#cgroups = cgroups;
    this.sysctl = sysctl;
  }

  #may(may: number): boolean {
    return sysctlPermission(this.sysctl, this.#cgroups.kernel.env.current, may) === 0;
  }

  /** A call that fails leaves the position where it was. @see fs/read_write.c, ksys_write */
  #keepPosition<T extends Uint8Array | number>(call: () => T): T {
    const before = this.pos;
    const result = call();
    if (typeof result === 'number' && result < 0) this.pos = before;
    return result;
  }

  /** read(2) by the current task: bytes, none at the end. @errno EPERM a program denies it, or permissions do @errno EIO unset */
  read(count: number): Uint8Array | number {
    if (!this.#may(MAY_READ)) return -EPERM;
    return this.#keepPosition(() => {
      const allowed = runSysctlHook(this.#cgroups, { sysctl: this.sysctl, bytes: undefined, at: this });
      return typeof allowed === 'number' ? allowed : readValue(this.sysctl.value, this.sysctl.rules, count, this);
    });
  }

  /**
   * write(2) by the current task: bytes taken. Where a program replaced the value that is the length of the
   * replacement.
   * @errno EPERM a program denies it, or permissions do
   * @errno EINVAL the value is refused
   */
  write(bytes: Uint8Array): number {
    if (!this.#may(MAY_WRITE)) return -EPERM;
    return this.#keepPosition(() => {
      const toWrite = runSysctlHook(this.#cgroups, { sysctl: this.sysctl, bytes, at: this });
      return typeof toWrite === 'number' ? toWrite : this.#store(toWrite ?? bytes);
    });
  }

  #store(bytes: Uint8Array): number {
    const { sysctl } = this;
    const { check } = sysctl.rules;
    const { ret, value } = writeValue(sysctl.value, sysctl.rules, bytes, this);
    if (check !== undefined && typeof value !== 'string') {
      if (ret < 0) return ret;
      if (!check(value, (name) => BigInt(this.#cgroups.sysctls.get(name).value[0] ?? 0))) return -EINVAL;
    }
    sysctl.value = value;
    return ret;
  }
}
