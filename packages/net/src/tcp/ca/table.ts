// SPDX-License-Identifier: MIT
// Congestion controls by name. @see net/ipv4/tcp_cong.c
import { EEXIST, EINVAL, ENOENT, UsageError } from '@tsbpf/uapi';
import type { Checkpointable, Errno } from '@tsbpf/core';
import type { CongestionControl } from './congestion-control.ts';

/** The congestion controls of one kernel, in the order they were registered. */
export class CongestionTable implements Checkpointable {
  readonly checkpointName = 'tcp-congestion-table';
  readonly #printk: (text: string) => void;
  #controls: readonly CongestionControl[];

  constructor(builtIn: readonly CongestionControl[], printk: (text: string) => void) {
    this.#controls = builtIn;
    this.#printk = printk;
  }

  get names(): readonly string[] {
    return this.#controls.map(({ name }) => name);
  }

  find(name: string): CongestionControl | undefined {
    return this.#controls.find((control) => control.name === name);
  }

  /** As {@link find}. @errno ENOENT UsageError: there is none */
  need(name: string): CongestionControl {
    const found = this.find(name);
    if (found !== undefined) return found;
    throw new UsageError(`no congestion control "${name}" is registered; there are: ${this.names.join(', ')}`, {
      errno: ENOENT,
    });
  }

  /**
   * Adds one; 0 or -errno.
   * @errno EINVAL a member that every congestion control needs is missing; EEXIST the name is taken
   * @see tcp_register_congestion_control
   */
  register(control: CongestionControl, given: { ssthresh: boolean; undoCwnd: boolean }): Errno {
    const grows = control.congAvoid !== undefined || control.congControl !== undefined;
    if (!given.ssthresh || !given.undoCwnd || !grows) {
      this.#printk(`TCP: ${control.name} does not implement required ops`);
      return -EINVAL;
    }
    if (this.find(control.name) !== undefined) {
      this.#printk(`TCP: ${control.name} already registered or non-unique key`);
      return -EEXIST;
    }
    this.#controls = [...this.#controls, control];
    return 0;
  }

  /** Takes one away: sockets that use it keep it, new ones cannot have it. */
  unregister(name: string): void {
    this.#controls = this.#controls.filter((control) => control.name !== name);
  }

  save(): unknown {
    return this.#controls;
  }
  restore(saved: unknown): void {
    this.#controls = saved as readonly CongestionControl[];
  }
}
