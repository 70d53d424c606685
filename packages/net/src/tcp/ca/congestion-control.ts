// SPDX-License-Identifier: MIT
import type { TcpSock } from '../sock/tcp-sock.ts';

/** Flags of a congestion control. @see include/net/tcp.h */
export const TCP_CONG_NON_RESTRICTED = 1;
export const TCP_CONG_NEEDS_ECN = 2;

/** States of a connection. @see include/uapi/linux/tcp.h, enum tcp_ca_state */
export const TCP_CA_OPEN = 0;
export const TCP_CA_DISORDER = 1;
export const TCP_CA_CWR = 2;
export const TCP_CA_RECOVERY = 3;
export const TCP_CA_LOSS = 4;
export const CA_STATE_NAMES: readonly string[] = ['open', 'disorder', 'cwr', 'recovery', 'loss'];

/** Events a congestion control is told of. @see include/net/tcp.h, enum tcp_ca_event */
export const CA_EVENT_TX_START = 0;
export const CA_EVENT_CWND_RESTART = 1;
export const CA_EVENT_COMPLETE_CWR = 2;
export const CA_EVENT_LOSS = 3;
export const CA_EVENT_ECN_NO_CE = 4;
export const CA_EVENT_ECN_IS_CE = 5;

/** What `in_ack_event` says of an acknowledgement. @see include/net/tcp.h, enum tcp_ca_ack_event_flags */
export const CA_ACK_SLOWPATH = 1;
export const CA_ACK_WIN_UPDATE = 2;
export const CA_ACK_ECE = 4;

/** What `pkts_acked` gets. Microseconds; -1 where there is no measurement. */
export interface AckSample {
  pktsAcked: number;
  rttUs: number;
  inFlight: number;
}

/** What `cong_control` gets. Microseconds and packets. @see include/net/tcp.h, struct rate_sample */
export interface RateSample {
  priorMstampUs: number;
  priorDelivered: number;
  delivered: number;
  intervalUs: number;
  sndIntervalUs: number;
  rcvIntervalUs: number;
  rttUs: number;
  losses: number;
  ackedSacked: number;
  priorInFlight: number;
  isAppLimited: boolean;
  isRetrans: boolean;
  isAckDelayed: boolean;
}

/**
 * A congestion control, built in or of programs. Members are called as Linux calls those of `tcp_congestion_ops`: state
 * that one changes is in the socket.
 * @see include/net/tcp.h, struct tcp_congestion_ops
 */
export interface CongestionControl {
  readonly name: string;
  /** TCP_CONG_* */
  readonly flags: number;
  /** Whether it sees sockets in kernel memory. */
  readonly inKernelMemory: boolean;
  /** Offset of its `tcp_congestion_ops` in kernel memory; absent for one that is built in. */
  readonly tableOff?: number;
  /** Takes a reference for a socket; false where it is going away. */
  get(): boolean;
  put(): void;
  init?(sk: TcpSock): void;
  release?(sk: TcpSock): void;
  ssthresh(sk: TcpSock): number;
  congAvoid?(sk: TcpSock, ack: number, acked: number): void;
  setState?(sk: TcpSock, state: number): void;
  cwndEvent?(sk: TcpSock, event: number): void;
  inAckEvent?(sk: TcpSock, flags: number): void;
  undoCwnd(sk: TcpSock): number;
  pktsAcked?(sk: TcpSock, sample: AckSample): void;
  minTsoSegs?(sk: TcpSock): number;
  sndbufExpand?(sk: TcpSock): number;
  congControl?(sk: TcpSock, sample: RateSample): void;
  /** What diagnostics show of it, by name. */
  getInfo?(sk: TcpSock): Readonly<Record<string, number>>;
}
