// SPDX-License-Identifier: MIT
// The congestion state machine: when the window falls, and when it is whole again. @see net/ipv4/tcp_input.c
import {
  CA_EVENT_COMPLETE_CWR,
  CA_EVENT_LOSS,
  TCP_CA_CWR,
  TCP_CA_DISORDER,
  TCP_CA_LOSS,
  TCP_CA_OPEN,
  TCP_CA_RECOVERY,
} from '../ca/congestion-control.ts';
import { detectLoss, loseAll, unmarkLosses } from './loss.ts';
import { currentSsthresh, inCwndReduction } from './output.ts';
import { TCP_ECN_OK, TCP_ECN_QUEUE_CWR, TCP_INFINITE_SSTHRESH, type TcpSock } from './tcp-sock.ts';
import type { TcpWorld } from './world.ts';

/** What an acknowledgement brought. */
export interface AckFacts {
  /** `snd_una` moved. */
  readonly advanced: boolean;
  readonly ece: boolean;
  /** A retransmission was acknowledged. */
  readonly retransAcked: boolean;
  /** The timestamp that came back; nanoseconds. */
  readonly echoNs: number;
}

/** The congestion control hears of a state before it holds. */
export function setCaState(sk: TcpSock, state: number): void {
  sk.ca.setState?.(sk, state);
  sk.caState = state;
}

function queueCwr(sk: TcpSock): void {
  if ((sk.ecnFlags & TCP_ECN_OK) !== 0) sk.ecnFlags |= TCP_ECN_QUEUE_CWR;
}

/** Proportional rate reduction begins (RFC 6937): the window falls to the threshold within a round trip. */
function beginReduction(sk: TcpSock): void {
  sk.highSeq = sk.sndNxt;
  sk.cwndCnt = 0;
  sk.priorCwnd = sk.cwnd;
  sk.prrDelivered = 0;
  sk.prrOut = 0;
  sk.ssthresh = sk.ca.ssthresh(sk);
  queueCwr(sk);
}

/** The window after an acknowledgement in a reduction. @see tcp_cwnd_reduction */
export function reduceCwnd(
  sk: TcpSock,
  delivered: number,
  facts: { retransAcked: boolean; lostRetrans: boolean },
): void {
  if (delivered <= 0 || sk.priorCwnd === 0) return;
  sk.prrDelivered += delivered;
  const inFlight = sk.inFlight;
  const missing = sk.ssthresh - inFlight;
  let may: number;
  if (missing < 0) may = Math.ceil((sk.ssthresh * sk.prrDelivered) / sk.priorCwnd) - sk.prrOut;
  else if (facts.retransAcked && !facts.lostRetrans)
    may = Math.min(missing, Math.max(sk.prrDelivered - sk.prrOut, delivered) + 1);
  else may = Math.min(missing, delivered);
  sk.cwnd = inFlight + Math.max(may, sk.prrOut > 0 ? 0 : 1);
}

function endReduction(world: TcpWorld, sk: TcpSock): void {
  if (sk.ca.congControl !== undefined) return;
  if (sk.ssthresh < TCP_INFINITE_SSTHRESH && (sk.caState === TCP_CA_CWR || sk.undoMarker >= 0)) {
    sk.cwnd = sk.ssthresh;
    stampCwnd(world, sk);
  }
  sk.ca.cwndEvent?.(sk, CA_EVENT_COMPLETE_CWR);
}

export function stampCwnd(world: TcpWorld, sk: TcpSock): void {
  sk.cwndStamp = world.clock.jiffiesAt(world.clock.nowNs);
}

function enterCwr(sk: TcpSock): void {
  sk.priorSsthresh = 0;
  if (sk.caState >= TCP_CA_CWR) return;
  sk.undoMarker = -1;
  beginReduction(sk);
  setCaState(sk, TCP_CA_CWR);
}

function enterRecovery(sk: TcpSock, ece: boolean): void {
  sk.priorSsthresh = 0;
  sk.undoMarker = sk.sndUna;
  if (!inCwndReduction(sk)) {
    if (!ece) sk.priorSsthresh = currentSsthresh(sk);
    beginReduction(sk);
  }
  setCaState(sk, TCP_CA_RECOVERY);
}

/** A loss was found without an acknowledgement: recovery begins, unless it goes on. */
export function lossFound(sk: TcpSock): void {
  if (sk.lostOut === 0 || sk.caState >= TCP_CA_RECOVERY) return;
  enterRecovery(sk, false);
  reduceCwnd(sk, 1, { retransAcked: false, lostRetrans: false });
}

/** The retransmission timer fired. @see tcp_enter_loss */
export function enterLoss(world: TcpWorld, sk: TcpSock): void {
  loseAll(sk);
  const anew =
    sk.caState <= TCP_CA_DISORDER || sk.highSeq <= sk.sndUna || (sk.caState === TCP_CA_LOSS && sk.retransmits === 0);
  if (anew) {
    sk.priorSsthresh = currentSsthresh(sk);
    sk.priorCwnd = sk.cwnd;
    sk.ssthresh = sk.ca.ssthresh(sk);
    sk.ca.cwndEvent?.(sk, CA_EVENT_LOSS);
    sk.undoMarker = sk.sndUna;
  }
  sk.cwnd = sk.inFlight + 1;
  sk.cwndCnt = 0;
  stampCwnd(world, sk);
  setCaState(sk, TCP_CA_LOSS);
  sk.highSeq = sk.sndNxt;
  queueCwr(sk);
}

/** Whether what came back left before the first retransmission: the segment was late, not lost (RFC 3522). */
function wasLate(world: TcpWorld, sk: TcpSock, echoNs: number): boolean {
  const { clock } = world;
  return (
    sk.undoMarker >= 0 &&
    sk.retransStampNs >= 0 &&
    ((clock.timestampMs(echoNs) - clock.timestampMs(sk.retransStampNs)) | 0) < 0
  );
}

function undo(world: TcpWorld, sk: TcpSock): void {
  if (sk.priorSsthresh !== 0) {
    sk.cwnd = sk.ca.undoCwnd(sk);
    if (sk.priorSsthresh > sk.ssthresh) {
      sk.ssthresh = sk.priorSsthresh;
      sk.ecnFlags &= ~TCP_ECN_QUEUE_CWR;
    }
  }
  stampCwnd(world, sk);
  sk.undoMarker = -1;
}

function keepOpen(sk: TcpSock): void {
  const state = sk.sackedOut + sk.lostOut > 0 || sk.retransOut > 0 ? TCP_CA_DISORDER : TCP_CA_OPEN;
  if (sk.caState === state) return;
  setCaState(sk, state);
  sk.highSeq = sk.sndNxt;
}

/** Everything that was out when the episode began is acknowledged. */
function episodeOver(world: TcpWorld, sk: TcpSock, echoNs: number): void {
  if (sk.caState === TCP_CA_CWR) {
    // One segment beyond: the peer must have seen that the window fell.
    if (sk.sndUna === sk.highSeq) return;
    endReduction(world, sk);
    setCaState(sk, TCP_CA_OPEN);
  } else if (sk.caState === TCP_CA_RECOVERY) {
    if (wasLate(world, sk, echoNs)) undo(world, sk);
    setCaState(sk, TCP_CA_OPEN);
    endReduction(world, sk);
    sk.undoMarker = -1;
  }
}

/** In Loss: over when all is acknowledged, or when nothing was lost at all. */
function leaveLoss(world: TcpWorld, sk: TcpSock, facts: AckFacts): void {
  if (facts.advanced && wasLate(world, sk, facts.echoNs)) {
    unmarkLosses(sk);
    undo(world, sk);
    sk.retransmits = 0;
    setCaState(sk, TCP_CA_OPEN);
  } else if (sk.sndUna >= sk.highSeq) setCaState(sk, TCP_CA_OPEN);
}

/**
 * What an acknowledgement that is not plain means for the state. Answers whether a retransmission was lost.
 * @see tcp_fastretrans_alert
 */
export function congestionAlert(world: TcpWorld, sk: TcpSock, facts: AckFacts): boolean {
  if (facts.ece) sk.priorSsthresh = 0;
  if (sk.caState === TCP_CA_OPEN) sk.retransStampNs = -1;
  else if (sk.caState !== TCP_CA_LOSS && sk.sndUna >= sk.highSeq) episodeOver(world, sk, facts.echoNs);

  if (sk.caState === TCP_CA_RECOVERY) {
    if (facts.advanced && sk.retransOut === 0 && wasLate(world, sk, facts.echoNs)) {
      unmarkLosses(sk);
      undo(world, sk);
      keepOpen(sk);
      return false;
    }
    return detectLoss(world, sk);
  }
  if (sk.caState === TCP_CA_LOSS) leaveLoss(world, sk, facts);
  const lostRetrans = detectLoss(world, sk);
  if (sk.caState === TCP_CA_LOSS) return lostRetrans;
  if (sk.lostOut > 0) {
    enterRecovery(sk, facts.ece);
    return lostRetrans;
  }
  if (sk.retransOut === 0) sk.retransStampNs = -1;
  if (facts.ece) enterCwr(sk);
  if (sk.caState !== TCP_CA_CWR) keepOpen(sk);
  return lostRetrans;
}
