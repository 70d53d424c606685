// SPDX-License-Identifier: MIT
import type { TcpClock } from '../sim/clock.ts';
import type { TcpSock } from './tcp-sock.ts';

/** Events of a connection that programs of its cgroup hear of. @see include/uapi/linux/bpf.h, BPF_SOCK_OPS_VOID */
export const SOCK_OPS_TIMEOUT_INIT = 1;
export const SOCK_OPS_RWND_INIT = 2;
export const SOCK_OPS_TCP_CONNECT_CB = 3;
export const SOCK_OPS_ACTIVE_ESTABLISHED_CB = 4;
export const SOCK_OPS_PASSIVE_ESTABLISHED_CB = 5;
export const SOCK_OPS_NEEDS_ECN = 6;
export const SOCK_OPS_RTO_CB = 8;
export const SOCK_OPS_RETRANS_CB = 9;
export const SOCK_OPS_STATE_CB = 10;
export const SOCK_OPS_RTT_CB = 12;

/** Bits of `bpf_sock_ops_cb_flags`: which of the events above a connection tells of. */
export const SOCK_OPS_RTO_CB_FLAG = 1;
export const SOCK_OPS_RETRANS_CB_FLAG = 2;
export const SOCK_OPS_STATE_CB_FLAG = 4;
export const SOCK_OPS_RTT_CB_FLAG = 8;

/** Whoever hears of a connection's events: programs of a cgroup, or a test. */
export interface TcpEvents {
  /** Tells of an event; the answer is what the programs replied, -1 for none. */
  call(sk: TcpSock, op: number, args: readonly number[]): number;
}

/** What a socket needs of the simulation around it. */
export interface TcpWorld {
  readonly clock: TcpClock;
  readonly events: TcpEvents | undefined;
  /** Puts a segment on its way. `flags`: PKT_*. */
  sendData(sk: TcpSock, seg: number, flags: number): void;
  /** Sends an acknowledgement of what lies before `ackSeg`. */
  sendAck(sk: TcpSock, ackSeg: number, sackSeg: number, flags: number): void;
  /** A deadline of the socket changed. */
  arm(sk: TcpSock): void;
  /** All that was to be sent has arrived. */
  finished(sk: TcpSock): void;
}
