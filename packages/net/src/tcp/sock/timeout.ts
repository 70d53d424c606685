// SPDX-License-Identifier: MIT
// Deadlines of a sender. @see net/ipv4/tcp_timer.c
import { detectLoss } from './loss.ts';
import { restartRto, retransmit, retransmitLost, sendNew } from './output.ts';
import { enterLoss, lossFound } from './recovery.ts';
import { SEG_SACKED } from './scoreboard.ts';
import type { TcpSock } from './tcp-sock.ts';
import { SOCK_OPS_RTO_CB, SOCK_OPS_RTO_CB_FLAG } from '../../sock/sock-ops.ts';
import type { TcpWorld } from './world.ts';

/** Linux gives a connection up after about that many timeouts; the waiting time grows no further before. */
const MAX_BACKOFF = 10;

/** Nothing was heard for the retransmission timeout. */
export function retransmissionTimeout(world: TcpWorld, sk: TcpSock): void {
  if (sk.packetsOut === 0) return;
  if ((sk.sockOpsFlags & SOCK_OPS_RTO_CB_FLAG) !== 0) {
    world.events.call(sk, SOCK_OPS_RTO_CB, [sk.retransmits, Math.round((sk.rtoNs * world.clock.hz) / 1e9), 0]);
  }
  enterLoss(world, sk);
  const { board } = sk;
  let first = sk.sndUna;
  while (first < sk.sndNxt && (board.flags[board.slot(first)] & SEG_SACKED) !== 0) first++;
  if (first < sk.sndNxt) {
    retransmit(world, sk, first);
    board.retransHint = first + 1;
  }
  sk.retransmits++;
  sk.backoff = Math.min(sk.backoff + 1, MAX_BACKOFF);
  restartRto(world, sk);
}

/** A segment that may have been overtaken is too late now. */
export function reorderingTimeout(world: TcpWorld, sk: TcpSock): void {
  sk.reoDeadlineNs = Infinity;
  const before = sk.lostOut;
  detectLoss(world, sk);
  if (sk.lostOut === before && sk.inFlight >= sk.cwnd) return;
  lossFound(sk);
  retransmitLost(world, sk);
  sendNew(world, sk);
}
