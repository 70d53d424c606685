// SPDX-License-Identifier: MIT
import type { TcpClock } from '../sim/clock.ts';
import type { TcpSock } from './tcp-sock.ts';

/** Whoever hears of a connection's events: programs of a cgroup, or a test. */
export interface TcpEvents {
  /** Tells of an event; the answer is what the programs replied, -1 for none. */
  call(sk: TcpSock, op: number, args: readonly number[]): number;
}

/** What a socket needs of the simulation around it. */
export interface TcpWorld {
  readonly clock: TcpClock;
  readonly events: TcpEvents;
  /** Puts a segment on its way. `flags`: PKT_*. */
  sendData(sk: TcpSock, seg: number, flags: number): void;
  /** Sends an acknowledgement of what lies before `ackSeg`. */
  sendAck(sk: TcpSock, ackSeg: number, sackSeg: number, flags: number): void;
  /** A deadline of the socket changed. */
  arm(sk: TcpSock): void;
  /** All that was to be sent has arrived. */
  finished(sk: TcpSock): void;
}
