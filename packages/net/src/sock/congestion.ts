// SPDX-License-Identifier: MIT
// Which congestion control a TCP socket has, for whoever asks by name: setsockopt(2) and bpf_setsockopt. A simulation of
// TCP that has congestion controls of its own takes the place of `controls`. @see net/ipv4/tcp_cong.c
import { ENOENT } from '@tsbpf/uapi';
import type { Checkpointable, Errno, KernelServices, SubsystemKey } from '@tsbpf/core';

/** How a socket's congestion control is chosen. */
export interface CongestionChange {
  /** Looks for a module where no control of the name is there: setsockopt(2) does, programs do not. */
  readonly load: boolean;
  /** Starts the new control at once. Programs do so once a connection is there; before, TCP does it itself. */
  readonly reinit: boolean;
  /** May use controls that not everybody may. */
  readonly privileged: boolean;
}

/** What answers for congestion controls. `sk` is the offset of a `struct tcp_sock`. */
export interface CongestionControls {
  /**
   * Gives a socket a control.
   * @errno ENOENT none of that name @errno EPERM it is not for everybody @errno EBUSY it is about to go
   */
  set(sk: number, name: string, change: CongestionChange): Errno;
  /** The name of a socket's control. */
  nameOf(sk: number): string;
  /** A socket that was accepted has its listener's. */
  inherit(from: number, to: number): void;
  /** The socket is gone. */
  forget(sk: number): void;
}

/** The controls every v5.6 has; they have names and nothing else. */
class NamedControls implements CongestionControls {
  readonly #names = new Map<number, string>();

  set(sk: number, name: string): Errno {
    if (name !== 'cubic' && name !== 'reno') return -ENOENT;
    this.#names.set(sk, name);
    return 0;
  }
  nameOf(sk: number): string {
    return this.#names.get(sk) ?? 'cubic';
  }
  inherit(from: number, to: number): void {
    this.#names.set(to, this.nameOf(from));
  }
  forget(sk: number): void {
    this.#names.delete(sk);
  }
  get names(): ReadonlyMap<number, string> {
    return new Map(this.#names);
  }
  set names(names: ReadonlyMap<number, string>) {
    this.#names.clear();
    for (const [sk, name] of names) this.#names.set(sk, name);
  }
}

/** A kernel's congestion controls. */
export class Congestion implements Checkpointable {
  readonly checkpointName = 'tcp-congestion-names';
  readonly #named = new NamedControls();
  /** Assign to replace. */
  controls: CongestionControls = this.#named;

  save(): unknown {
    return this.#named.names;
  }
  restore(saved: unknown): void {
    this.#named.names = saved as ReadonlyMap<number, string>;
  }
}

const CONGESTION: SubsystemKey<Congestion> = {
  name: 'tcp-congestion',
  create(kernel) {
    const state = new Congestion();
    kernel.checkpointables.push(state);
    return state;
  },
};

/** Where a kernel's congestion controls are found and replaced: `congestionOf(kernel).controls = …`. */
export function congestionOf(kernel: Pick<KernelServices, 'subsystem'>): Congestion {
  return kernel.subsystem(CONGESTION);
}
