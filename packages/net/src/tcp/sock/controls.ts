// SPDX-License-Identifier: MIT
// Congestion controls by name, for sockets: setsockopt(2) and programs. @see net/ipv4/tcp_cong.c
import { EBUSY, ENOENT, EPERM } from '@tsbpf/uapi';
import type { Checkpointable, Errno } from '@tsbpf/core';
import type { CongestionChange, CongestionControls } from '../../sock/congestion.ts';
import { TCP_CONG_NON_RESTRICTED, type CongestionControl } from '../ca/congestion-control.ts';
import type { CongestionTable } from '../ca/table.ts';
import type { TcpSock } from './tcp-sock.ts';

/** What sockets have that nobody gave another. */
const DEFAULT = 'cubic';

/**
 * Gives sockets the controls of a table, each held as long as a socket has it. `simulated` finds a socket of a
 * simulation, whose control works at once; of others only the name matters.
 */
export class TableControls implements CongestionControls, Checkpointable {
  readonly checkpointName = 'tcp-socket-congestion';
  readonly #table: CongestionTable;
  readonly #simulated: (off: number) => TcpSock | undefined;
  #others = new Map<number, CongestionControl>();

  constructor(table: CongestionTable, simulated: (off: number) => TcpSock | undefined) {
    this.#table = table;
    this.#simulated = simulated;
  }

  set(off: number, name: string, change: CongestionChange): Errno {
    const control = this.#table.find(name);
    if (control === undefined) return -ENOENT;
    const sk = this.#simulated(off);
    if ((sk?.ca ?? this.#others.get(off)) === control) return 0;
    if ((control.flags & TCP_CONG_NON_RESTRICTED) === 0 && !change.privileged) return -EPERM;
    if (!control.get()) return -EBUSY;
    if (sk === undefined) {
      this.forget(off);
      this.#others.set(off, control);
      return 0;
    }
    if (change.reinit) sk.ca.release?.(sk);
    sk.ca.put();
    sk.ca = control;
    sk.priv = undefined;
    sk.mirror?.changeControl(sk);
    if (change.reinit) control.init?.(sk);
    return 0;
  }

  nameOf(off: number): string {
    return (this.#simulated(off)?.ca ?? this.#others.get(off))?.name ?? DEFAULT;
  }

  inherit(from: number, to: number): void {
    const control = this.#others.get(from);
    if (control?.get() === true) this.#others.set(to, control);
  }

  forget(off: number): void {
    this.#others.get(off)?.put();
    this.#others.delete(off);
  }

  save(): unknown {
    return new Map(this.#others);
  }
  restore(saved: unknown): void {
    this.#others = new Map(saved as Map<number, CongestionControl>);
  }
}
