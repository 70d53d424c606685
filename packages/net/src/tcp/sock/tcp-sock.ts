// SPDX-License-Identifier: MIT
import type { Sock } from '../../sock/sock.ts';
import type { CongestionControl } from '../ca/congestion-control.ts';
import type { TcpClock } from '../sim/clock.ts';
import type { SockMirror } from './mirror.ts';
import { Scoreboard } from './scoreboard.ts';

/** `snd_ssthresh` of a connection that has seen no congestion. @see include/net/tcp.h */
export const TCP_INFINITE_SSTHRESH = 0x7fffffff;
/** Segments a connection begins with (RFC 6928). */
export const TCP_INIT_CWND = 10;
const MAX_U32 = 0xffffffff;

/** Bits of `ecn_flags`. @see include/net/tcp.h */
export const TCP_ECN_OK = 1;
export const TCP_ECN_QUEUE_CWR = 2;
export const TCP_ECN_DEMAND_CWR = 4;
export const TCP_ECN_SEEN = 8;

/** Bits of `icsk_ack.pending`. @see include/net/inet_connection_sock.h, enum inet_csk_ack_state_t */
export const ICSK_ACK_SCHED = 1;
export const ICSK_ACK_TIMER = 2;
export const ICSK_ACK_NOW = 16;

/** Sequence number of the first byte: the SYN has 0. */
const FIRST_BYTE = 1;

/**
 * One end of a connection. Members are those of Linux's tcp_sock, in plain numbers; sequence numbers count segments of
 * {@link mss} bytes from 0, and become bytes only where programs see them. Times are nanoseconds of the simulation,
 * measurements microseconds.
 */
export class TcpSock {
  readonly flow: number;
  readonly isSender: boolean;
  readonly mss: number;
  /** Offset of its tcp_sock in kernel memory; 0 where no program sees it. */
  off = 0;
  mirror: SockMirror | undefined;
  /** The kernel's object at that offset. */
  sock: Sock | undefined;
  readonly clock: TcpClock;
  ca: CongestionControl;
  /** What a built-in congestion control keeps. */
  priv: unknown;
  readonly board = new Scoreboard();

  /** Segments there are to send, and bytes in all. */
  totalSegs = Infinity;
  totalBytes = Infinity;
  /** Segments the application has handed over so far. */
  writtenSegs = Infinity;
  /** Until so many segments are delivered, samples are of an application that had too little to send; 0 for never. */
  appLimited = 0;
  /** The most segments out since the window was last found to be the limit. */
  cwndUsed = 0;

  // What a congestion control may write.
  cwnd = TCP_INIT_CWND;
  cwndCnt = 0;
  ssthresh = TCP_INFINITE_SSTHRESH;
  ecnFlags = 0;
  ackPending = 0;

  caState = 0;
  cwndClamp = MAX_U32;
  cwndStamp = 0;
  isCwndLimited = false;
  maxPacketsOut = 0;
  maxPacketsSeq = 0;
  reordering = 3;
  readonly initialWindow = TCP_INIT_CWND;

  sndUna = 0;
  sndNxt = 0;
  packetsOut = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  delivered = 0;
  deliveredCe = 0;
  lost = 0;
  highSeq = 0;
  priorCwnd = 0;
  priorSsthresh = 0;
  prrDelivered = 0;
  prrOut = 0;
  /** -1 for none. */
  undoMarker = -1;
  /** When the first retransmission of the episode left; -1 for none. */
  retransStampNs = -1;

  // Round trips: `srttUs` is eight times the mean, as in Linux.
  srttUs = 0;
  mdevUs = 0;
  mdevMaxUs = 0;
  rttvarUs = 0;
  rttSeq = 0;
  minRttUs = MAX_U32;
  rtoNs = 1_000_000_000;
  backoff = 0;
  retransmits = 0;
  rtoDeadlineNs = Infinity;
  reoDeadlineNs = Infinity;

  // Rate measurement.
  deliveredNs = 0;
  firstTxNs = 0;
  lastSentNs = 0;

  // Receiving.
  rcvNxt = 0;
  rcvWup = 0;
  quickAcks = 0;
  ackTimeoutNs = 0;
  delackDeadlineNs = Infinity;
  tsRecentNs = 0;
  oooSegs = 0;

  totalRetrans = 0;
  segsOut = 0;
  segsIn = 0;
  dataSegsOut = 0;
  dataSegsIn = 0;
  bytesRetrans = 0;
  sndbuf = 0;
  /** Bits a program set to be told of events. */
  sockOpsFlags = 0;
  released = false;

  constructor(options: { flow: number; isSender: boolean; mss: number; ca: CongestionControl; clock: TcpClock }) {
    this.flow = options.flow;
    this.isSender = options.isSender;
    this.mss = options.mss;
    this.ca = options.ca;
    this.clock = options.clock;
  }

  get inFlight(): number {
    return this.packetsOut - this.sackedOut - this.lostOut + this.retransOut;
  }
  get inSlowStart(): boolean {
    return this.cwnd < this.ssthresh;
  }
  /** Whether the window is what limits sending: only then may it grow. @see include/net/tcp.h, tcp_is_cwnd_limited */
  get windowLimited(): boolean {
    return this.inSlowStart ? this.cwnd < 2 * this.maxPacketsOut : this.isCwndLimited;
  }

  /** Bytes before a segment. */
  bytesBefore(seg: number): number {
    return Math.min(seg * this.mss, this.totalBytes);
  }
  segBytes(seg: number): number {
    return this.bytesBefore(seg + 1) - this.bytesBefore(seg);
  }
  /** The sequence number programs see. */
  seqOf(seg: number): number {
    return (FIRST_BYTE + this.bytesBefore(seg)) >>> 0;
  }
  /** Bytes of payload that an ACK number of the peer covers, near what was received. */
  segOfSeq(seq: number): number {
    const here = FIRST_BYTE + this.rcvNxt * this.mss;
    const delta = (seq - (here >>> 0)) | 0;
    return Math.max(0, Math.floor((here + delta - FIRST_BYTE) / this.mss));
  }

  /** Copies what programs may read to kernel memory, and back what they may write. */
  push(): void {
    this.mirror?.push(this);
  }
  pull(): void {
    this.mirror?.pull(this);
  }
}
