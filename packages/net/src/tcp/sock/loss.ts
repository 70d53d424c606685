// SPDX-License-Identifier: MIT
// Which segments are lost: those that left before others that arrived, with room for reordering (RFC 8985).
import { TCP_CA_RECOVERY } from '../ca/congestion-control.ts';
import { SEG_LOST, SEG_RETRANS, SEG_SACKED } from './scoreboard.ts';
import type { TcpSock } from './tcp-sock.ts';
import type { TcpWorld } from './world.ts';

/** How much later than the last arrival a segment may still come. Nothing has been seen out of order. */
function reorderingWindowNs(sk: TcpSock): number {
  if (sk.caState >= TCP_CA_RECOVERY || sk.sackedOut >= sk.reordering) return 0;
  return Math.min(sk.minRttUs / 4, sk.srttUs / 8) * 1000;
}

/** Counts a segment as lost. */
export function markLost(sk: TcpSock, seg: number): void {
  const { board } = sk;
  const slot = board.slot(seg);
  if ((board.flags[slot] & (SEG_LOST | SEG_SACKED)) !== 0) return;
  board.flags[slot] |= SEG_LOST;
  sk.lostOut++;
  sk.lost++;
  if (seg < board.retransHint) board.retransHint = seg;
}

/** Looks for losses. Answers whether a retransmission was lost, too. */
export function detectLoss(world: TcpWorld, sk: TcpSock): boolean {
  const { board } = sk;
  const { nowNs } = world.clock;
  sk.reoDeadlineNs = Infinity;
  if (board.rackSentNs < 0) return false;
  const lateNs = board.rackRttNs + reorderingWindowNs(sk);
  let seg = Math.max(board.lossScan, sk.sndUna);
  for (; seg < board.highestSacked; seg++) {
    const slot = board.slot(seg);
    if ((board.flags[slot] & (SEG_SACKED | SEG_LOST | SEG_RETRANS)) !== 0) continue;
    const dueNs = board.sentNs[slot] + lateNs;
    if (dueNs > nowNs) {
      sk.reoDeadlineNs = dueNs;
      break;
    }
    markLost(sk, seg);
  }
  board.lossScan = seg;
  const lostAgain = detectLostRetransmissions(sk, nowNs, lateNs);
  world.arm(sk);
  return lostAgain;
}

function detectLostRetransmissions(sk: TcpSock, nowNs: number, lateNs: number): boolean {
  const { board } = sk;
  let found = false;
  for (; board.retransHead < board.retransSegs.length; board.retransHead++) {
    const seg = board.retransSegs[board.retransHead];
    const sentNs = board.retransNs[board.retransHead];
    const slot = board.slot(seg);
    const outdated = seg < sk.sndUna || (board.flags[slot] & SEG_RETRANS) === 0 || board.sentNs[slot] !== sentNs;
    if (outdated) continue;
    if (sentNs >= board.rackSentNs) break;
    if (sentNs + lateNs > nowNs) {
      sk.reoDeadlineNs = Math.min(sk.reoDeadlineNs, sentNs + lateNs);
      break;
    }
    board.flags[slot] &= ~SEG_RETRANS;
    sk.retransOut--;
    sk.lost++;
    if (seg < board.retransHint) board.retransHint = seg;
    found = true;
  }
  return found;
}

/** Takes back every loss that was not one after all. */
export function unmarkLosses(sk: TcpSock): void {
  const { board } = sk;
  for (let seg = sk.sndUna; seg < sk.sndNxt; seg++) board.flags[board.slot(seg)] &= ~SEG_LOST;
  sk.lostOut = 0;
}

/** A timeout: whatever has not arrived is lost, retransmissions too. */
export function loseAll(sk: TcpSock): void {
  const { board } = sk;
  for (let seg = sk.sndUna; seg < sk.sndNxt; seg++) {
    const slot = board.slot(seg);
    if ((board.flags[slot] & SEG_SACKED) !== 0) continue;
    if ((board.flags[slot] & SEG_RETRANS) !== 0) {
      board.flags[slot] &= ~SEG_RETRANS;
      sk.lost++;
    }
    markLost(sk, seg);
  }
  sk.retransOut = 0;
  board.forgetRetrans();
  board.retransHint = sk.sndUna;
  board.lossScan = sk.sndNxt;
  sk.reoDeadlineNs = Infinity;
}
