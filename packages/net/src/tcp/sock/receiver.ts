// SPDX-License-Identifier: MIT
// The receiving end: what is in order, and when it is acknowledged. @see net/ipv4/tcp_input.c, tcp_data_queue
import { CA_EVENT_ECN_IS_CE, CA_EVENT_ECN_NO_CE } from '../ca/congestion-control.ts';
import { NO_SACK, PKT_CE, PKT_CWR, PKT_ECE, PKT_ECT, type Packet } from '../path/pipe.ts';
import { needsEcn } from './output.ts';
import {
  ICSK_ACK_NOW,
  ICSK_ACK_SCHED,
  ICSK_ACK_TIMER,
  TCP_ECN_DEMAND_CWR,
  TCP_ECN_OK,
  TCP_ECN_SEEN,
  type TcpSock,
} from './tcp-sock.ts';
import type { TcpWorld } from './world.ts';

/** How long an acknowledgement waits for company. @see include/net/tcp.h, TCP_DELACK_MIN */
const DELACK_NS = 40_000_000;
/** Segments that are acknowledged at once: when a connection begins, and when a mark arrives. */
const MAX_QUICK_ACKS = 16;
const QUICK_ACKS_ON_CE = 2;
/** Full segments that one acknowledgement covers. */
const ACK_EVERY = 2;

/** Segments beyond a hole: a ring of bits that grows. */
export class OutOfOrder {
  #bits = new Uint8Array(64);

  has(next: number, seg: number): boolean {
    return seg - next < this.#bits.length && this.#bits[seg & (this.#bits.length - 1)] === 1;
  }
  add(next: number, seg: number): void {
    while (seg - next >= this.#bits.length) this.#grow(next);
    this.#bits[seg & (this.#bits.length - 1)] = 1;
  }
  remove(seg: number): void {
    this.#bits[seg & (this.#bits.length - 1)] = 0;
  }
  #grow(next: number): void {
    const old = this.#bits;
    this.#bits = new Uint8Array(old.length * 2);
    for (let seg = next; seg < next + old.length; seg++) {
      this.#bits[seg & (this.#bits.length - 1)] = old[seg & (old.length - 1)];
    }
  }
}

/** Acknowledges what lies before `seg`; with ECN, tells of marks. @see net/ipv4/tcp_output.c, __tcp_send_ack */
export function sendAck(world: TcpWorld, sk: TcpSock, seg: number, sack: number): void {
  const ece = (sk.ecnFlags & (TCP_ECN_OK | TCP_ECN_DEMAND_CWR)) === (TCP_ECN_OK | TCP_ECN_DEMAND_CWR);
  sk.segsOut++;
  sk.rcvWup = sk.rcvNxt;
  world.sendAck(sk, seg, sack, ece ? PKT_ECE : 0);
  // One that a congestion control sends for an earlier place leaves the delayed one as it is.
  if (seg !== sk.rcvNxt) return;
  if (sk.quickAcks > 0) sk.quickAcks--;
  sk.ackPending = 0;
  sk.delackDeadlineNs = Infinity;
}

/** @see tcp_ecn_check_ce */
function noteMark(sk: TcpSock, flags: number): void {
  if ((sk.ecnFlags & TCP_ECN_OK) === 0 || (flags & (PKT_ECT | PKT_CE)) === 0) return;
  if ((flags & PKT_CE) !== 0) {
    if (needsEcn(sk)) sk.ca.cwndEvent?.(sk, CA_EVENT_ECN_IS_CE);
    if ((sk.ecnFlags & TCP_ECN_DEMAND_CWR) === 0) {
      sk.quickAcks = Math.max(sk.quickAcks, QUICK_ACKS_ON_CE);
      sk.ecnFlags |= TCP_ECN_DEMAND_CWR;
    }
  } else if (needsEcn(sk)) sk.ca.cwndEvent?.(sk, CA_EVENT_ECN_NO_CE);
  sk.ecnFlags |= TCP_ECN_SEEN;
}

function acknowledge(world: TcpWorld, sk: TcpSock, inOrder: boolean, seg: number): void {
  const now =
    !inOrder ||
    sk.oooSegs > 0 ||
    sk.rcvNxt - sk.rcvWup >= ACK_EVERY ||
    sk.quickAcks > 0 ||
    (sk.ackPending & ICSK_ACK_NOW) !== 0 ||
    sk.rcvNxt >= sk.totalSegs;
  if (now) {
    sendAck(world, sk, sk.rcvNxt, inOrder ? NO_SACK : seg);
    return;
  }
  sk.ackPending |= ICSK_ACK_SCHED | ICSK_ACK_TIMER;
  if (sk.delackDeadlineNs !== Infinity) return;
  sk.delackDeadlineNs = world.clock.nowNs + DELACK_NS;
  world.arm(sk);
}

/** The acknowledgement waited long enough. */
export function delayedAckTimeout(world: TcpWorld, sk: TcpSock): void {
  sk.delackDeadlineNs = Infinity;
  if ((sk.ackPending & ICSK_ACK_SCHED) === 0) return;
  sk.ackPending &= ~ICSK_ACK_TIMER;
  sendAck(world, sk, sk.rcvNxt, NO_SACK);
}

/** A segment comes in. */
export function dataArrived(world: TcpWorld, sk: TcpSock, ooo: OutOfOrder, packet: Packet): void {
  const { seq: seg, flags, tsNs } = packet;
  sk.segsIn++;
  sk.dataSegsIn++;
  if (sk.dataSegsIn === 1) sk.quickAcks = MAX_QUICK_ACKS;
  if ((flags & PKT_CWR) !== 0) {
    sk.ecnFlags &= ~TCP_ECN_DEMAND_CWR;
    sk.ackPending |= ICSK_ACK_NOW;
  }
  // The echo is of the earliest segment that the next acknowledgement covers (RFC 7323).
  if (seg <= sk.rcvWup) sk.tsRecentNs = tsNs;
  if (seg < sk.rcvNxt) {
    sendAck(world, sk, sk.rcvNxt, NO_SACK);
    return;
  }
  if (seg > sk.rcvNxt) {
    if (!ooo.has(sk.rcvNxt, seg)) {
      ooo.add(sk.rcvNxt, seg);
      sk.oooSegs++;
    }
    sk.ackPending |= ICSK_ACK_SCHED;
    noteMark(sk, flags);
    acknowledge(world, sk, false, seg);
    return;
  }
  sk.rcvNxt++;
  while (sk.oooSegs > 0 && ooo.has(sk.rcvNxt, sk.rcvNxt)) {
    ooo.remove(sk.rcvNxt);
    sk.oooSegs--;
    sk.rcvNxt++;
  }
  sk.ackPending |= ICSK_ACK_SCHED;
  noteMark(sk, flags);
  acknowledge(world, sk, true, seg);
}
