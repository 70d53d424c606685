// SPDX-License-Identifier: MIT
// What a sender sends, and when. @see net/ipv4/tcp_output.c
import {
  CA_EVENT_CWND_RESTART,
  CA_EVENT_TX_START,
  TCP_CA_CWR,
  TCP_CA_OPEN,
  TCP_CA_RECOVERY,
  TCP_CONG_NEEDS_ECN,
} from '../ca/congestion-control.ts';
import { PKT_CWR, PKT_ECE, PKT_ECT, PKT_RETRANS } from '../path/pipe.ts';
import { SEG_APP_LIMITED, SEG_EVER_RETRANS, SEG_LOST, SEG_RETRANS, SEG_SACKED } from './scoreboard.ts';
import { TCP_ECN_DEMAND_CWR, TCP_ECN_OK, TCP_ECN_QUEUE_CWR, type TcpSock } from './tcp-sock.ts';
import { SOCK_OPS_RETRANS_CB, SOCK_OPS_RETRANS_CB_FLAG } from '../../sock/sock-ops.ts';
import type { TcpWorld } from './world.ts';

/** Whether the window is being reduced, ACK by ACK. @see include/net/tcp.h, tcp_in_cwnd_reduction */
export function inCwndReduction(sk: TcpSock): boolean {
  return sk.caState === TCP_CA_CWR || sk.caState === TCP_CA_RECOVERY;
}

export function needsEcn(sk: TcpSock): boolean {
  return (sk.ca.flags & TCP_CONG_NEEDS_ECN) !== 0;
}

/** The ECN bits a data segment leaves with. New data tells of a window that was reduced. */
function ecnBits(sk: TcpSock, retrans: boolean): number {
  if ((sk.ecnFlags & TCP_ECN_OK) === 0) return 0;
  let bits = (sk.ecnFlags & TCP_ECN_DEMAND_CWR) !== 0 ? PKT_ECE : 0;
  if (retrans) return needsEcn(sk) ? bits | PKT_ECT : bits;
  bits |= PKT_ECT;
  if ((sk.ecnFlags & TCP_ECN_QUEUE_CWR) !== 0) {
    sk.ecnFlags &= ~TCP_ECN_QUEUE_CWR;
    bits |= PKT_CWR;
  }
  return bits;
}

function transmit(world: TcpWorld, sk: TcpSock, seg: number, retrans: boolean): void {
  const { board } = sk;
  const { nowNs } = world.clock;
  if (sk.inFlight === 0) sk.ca.cwndEvent?.(sk, CA_EVENT_TX_START);
  if (sk.packetsOut === 0) {
    sk.firstTxNs = nowNs;
    sk.deliveredNs = nowNs;
  }
  const slot = board.slot(seg);
  board.sentNs[slot] = nowNs;
  board.delivered[slot] = sk.delivered;
  board.deliveredNs[slot] = sk.deliveredNs;
  board.firstTxNs[slot] = sk.firstTxNs;
  sk.lastSentNs = nowNs;
  sk.segsOut++;
  sk.dataSegsOut++;
  world.sendData(sk, seg, ecnBits(sk, retrans) | (retrans ? PKT_RETRANS : 0));
}

/** Sends a segment again. */
export function retransmit(world: TcpWorld, sk: TcpSock, seg: number): void {
  const { board } = sk;
  const { nowNs } = world.clock;
  transmit(world, sk, seg, true);
  const slot = board.slot(seg);
  board.flags[slot] |= SEG_RETRANS | SEG_EVER_RETRANS;
  board.noteRetrans(seg, nowNs);
  sk.retransOut++;
  sk.totalRetrans++;
  sk.bytesRetrans += sk.segBytes(seg);
  board.inFlight[slot] = sk.inFlight;
  if (sk.retransStampNs < 0) sk.retransStampNs = nowNs;
  if ((sk.sockOpsFlags & SOCK_OPS_RETRANS_CB_FLAG) !== 0) {
    world.events.call(sk, SOCK_OPS_RETRANS_CB, [sk.seqOf(seg), 1, 0]);
  }
}

/** Sends lost segments again, as far as the window lets. @see tcp_xmit_retransmit_queue */
export function retransmitLost(world: TcpWorld, sk: TcpSock): void {
  if (sk.lostOut === 0) return;
  const { board } = sk;
  let seg = Math.max(board.retransHint, sk.sndUna);
  for (; seg < sk.sndNxt && sk.inFlight < sk.cwnd; seg++) {
    const flags = board.flags[board.slot(seg)];
    if ((flags & SEG_LOST) === 0 || (flags & (SEG_SACKED | SEG_RETRANS)) !== 0) continue;
    retransmit(world, sk, seg);
    if (inCwndReduction(sk)) sk.prrOut++;
  }
  board.retransHint = seg;
}

/** Kernel memory that a segment in the send buffer takes, beside its data; and what a buffer may take at most. */
const SEGMENT_OVERHEAD = 1024;
const SNDBUF_MAX = 4 * 1024 * 1024;

/** Makes room for two windows, or what the congestion control wants. @see net/ipv4/tcp_input.c, tcp_sndbuf_expand */
export function expandSndbuf(sk: TcpSock): void {
  const segments = Math.max(sk.initialWindow, sk.cwnd, sk.reordering + 1);
  const windows = sk.ca.sndbufExpand?.(sk) ?? 2;
  const wanted = Math.min(windows * segments * (sk.mss + SEGMENT_OVERHEAD), SNDBUF_MAX);
  if (wanted > sk.sndbuf) sk.sndbuf = wanted;
}

/**
 * A window that an application did not use for a timeout falls halfway to what it did use (RFC 2861).
 * @see tcp_cwnd_validate
 */
function validateCwnd(world: TcpWorld, sk: TcpSock): void {
  const now = world.clock.jiffiesAt(world.clock.nowNs);
  if (sk.windowLimited) {
    sk.cwndUsed = 0;
    sk.cwndStamp = now;
    return;
  }
  sk.cwndUsed = Math.max(sk.cwndUsed, sk.packetsOut);
  const rto = Math.round((sk.rtoNs * world.clock.hz) / 1e9);
  if (((now - sk.cwndStamp) | 0) < rto || sk.ca.congControl !== undefined) return;
  if (sk.caState === TCP_CA_OPEN) {
    const used = Math.max(sk.cwndUsed, sk.initialWindow);
    if (used < sk.cwnd) {
      sk.ssthresh = currentSsthresh(sk);
      sk.cwnd = (sk.cwnd + used) >> 1;
    }
    sk.cwndUsed = 0;
  }
  sk.cwndStamp = now;
}

/** The threshold, or three quarters of the window where that is more. @see include/net/tcp.h, tcp_current_ssthresh */
export function currentSsthresh(sk: TcpSock): number {
  return inCwndReduction(sk) ? sk.ssthresh : Math.max(sk.ssthresh, (sk.cwnd >> 1) + (sk.cwnd >> 2));
}

/**
 * The application wrote after a pause: for every timeout that went by the window falls by half, down to that of a new
 * connection. @see tcp_slow_start_after_idle_check
 */
export function afterIdle(world: TcpWorld, sk: TcpSock): void {
  if (sk.packetsOut > 0 || sk.ca.congControl !== undefined || sk.dataSegsOut === 0) return;
  let idleNs = world.clock.nowNs - sk.lastSentNs;
  if (idleNs <= sk.rtoNs) return;
  const restart = Math.min(sk.initialWindow, sk.cwnd);
  let { cwnd } = sk;
  sk.ca.cwndEvent?.(sk, CA_EVENT_CWND_RESTART);
  sk.ssthresh = currentSsthresh(sk);
  while ((idleNs -= sk.rtoNs) > 0 && cwnd > restart) cwnd >>= 1;
  sk.cwnd = Math.max(cwnd, restart);
  sk.cwndStamp = world.clock.jiffiesAt(world.clock.nowNs);
  sk.cwndUsed = 0;
}

/** Sends new data, as far as the window lets, and notes whether it was the window that did not. @see tcp_write_xmit */
export function sendNew(world: TcpWorld, sk: TcpSock): void {
  const { board } = sk;
  if (sk.cwnd * (sk.mss + SEGMENT_OVERHEAD) > sk.sndbuf && sk.sndbuf < SNDBUF_MAX) expandSndbuf(sk);
  sk.ca.minTsoSegs?.(sk);
  let sent = 0;
  while (sk.sndNxt < sk.writtenSegs && sk.inFlight < sk.cwnd) {
    const seg = sk.sndNxt;
    board.reserve(sk.sndUna, seg);
    const slot = board.slot(seg);
    board.flags[slot] = sk.appLimited > 0 ? SEG_APP_LIMITED : 0;
    transmit(world, sk, seg, false);
    if (sk.packetsOut === 0) restartRto(world, sk);
    sk.sndNxt++;
    sk.packetsOut++;
    board.inFlight[slot] = sk.inFlight;
    sent++;
  }
  // Nothing left to send though the window would let it.
  if (sk.sndNxt >= sk.writtenSegs && sk.inFlight < sk.cwnd && sk.lostOut <= sk.retransOut) {
    sk.appLimited = Math.max(sk.delivered + sk.inFlight, 1);
  }
  if (sent === 0) return;
  if (inCwndReduction(sk)) sk.prrOut += sent;
  const limited = sk.inFlight >= sk.cwnd;
  if (sk.sndUna >= sk.maxPacketsSeq || sk.packetsOut > sk.maxPacketsOut || limited) {
    sk.maxPacketsOut = sk.packetsOut;
    sk.maxPacketsSeq = sk.sndNxt;
    sk.isCwndLimited = limited;
  }
  validateCwnd(world, sk);
}

/** The retransmission timer starts anew. */
export function restartRto(world: TcpWorld, sk: TcpSock): void {
  sk.rtoDeadlineNs = world.clock.nowNs + sk.rtoNs * 2 ** sk.backoff;
  world.arm(sk);
}
