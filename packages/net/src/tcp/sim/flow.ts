// SPDX-License-Identifier: MIT
import type { KernelObject } from '@tsbpf/core';
import type { EventSource } from './event-queue.ts';
import type { Link } from '../path/link.ts';
import { delayedAckTimeout, type OutOfOrder } from '../sock/receiver.ts';
import { reorderingTimeout, retransmissionTimeout } from '../sock/timeout.ts';
import type { TcpSock } from '../sock/tcp-sock.ts';
import type { TcpWorld } from '../sock/world.ts';
import type { Pipe } from '../path/pipe.ts';

/** A connection that sends in one direction. */
export interface FlowOptions {
  /** A congestion control by name. */
  readonly cc: string;
  /** When it begins; nanoseconds. */
  readonly startNs?: number;
  /** How much it sends; without, as much as it can until the end. */
  readonly bytes?: number;
  /**
   * What the application hands over and when, nanoseconds from the beginning; all at once by default. Part of a segment
   * waits for the rest of it. Says how much is sent in all, too.
   */
  readonly writes?: readonly { readonly atNs: number; readonly bytes: number }[];
  /** Links it passes, in order; all by default. */
  readonly path?: readonly Link[];
  /** The cgroup its sockets are in; the root by default. */
  readonly cgroup?: KernelObject & { readonly id: bigint };
  /** Delay on top of the links', one way, nanoseconds: connections of one bottleneck need not have one round trip. */
  readonly extraDelayNs?: number;
}

/** A connection of a simulation, from its first to its last acknowledgement. */
export interface Flow {
  readonly id: number;
  readonly sender: TcpSock;
  readonly receiver: TcpSock;
  readonly path: readonly Link[];
  readonly startNs: number;
  readonly extraDelayNs: number;
  readonly cgroup: FlowOptions['cgroup'];
  readonly ooo: OutOfOrder;
  readonly acks: Pipe;
  started: boolean;
  /** When the last byte was acknowledged; Infinity before. */
  doneNs: number;
}

/** The deadlines of a sender. */
export class SenderTimer implements EventSource {
  eventId = -1;
  scheduledNs = Infinity;
  readonly #world: TcpWorld;
  readonly #sk: TcpSock;

  constructor(world: TcpWorld, sk: TcpSock) {
    this.#world = world;
    this.#sk = sk;
  }

  fire(nowNs: number): void {
    const sk = this.#sk;
    if (sk.released) return;
    if (sk.reoDeadlineNs <= nowNs) reorderingTimeout(this.#world, sk);
    if (sk.rtoDeadlineNs <= nowNs) retransmissionTimeout(this.#world, sk);
    this.#world.arm(sk);
  }
}

/** The deadline of a receiver's delayed acknowledgement. */
export class ReceiverTimer implements EventSource {
  eventId = -1;
  scheduledNs = Infinity;
  readonly #world: TcpWorld;
  readonly #sk: TcpSock;

  constructor(world: TcpWorld, sk: TcpSock) {
    this.#world = world;
    this.#sk = sk;
  }

  fire(nowNs: number): void {
    const sk = this.#sk;
    if (sk.released) return;
    if (sk.delackDeadlineNs <= nowNs) delayedAckTimeout(this.#world, sk);
    else this.#world.arm(sk);
  }
}
