// SPDX-License-Identifier: MIT
// What a sender makes of an acknowledgement. @see net/ipv4/tcp_input.c, tcp_ack
import {
  CA_ACK_ECE,
  CA_ACK_SLOWPATH,
  CA_ACK_WIN_UPDATE,
  TCP_CA_OPEN,
  type AckSample,
  type RateSample,
} from '../ca/congestion-control.ts';
import { NO_SACK, PKT_ECE, type Packet } from '../path/pipe.ts';
import { inCwndReduction, restartRto, retransmitLost, sendNew } from './output.ts';
import { congestionAlert, reduceCwnd, stampCwnd } from './recovery.ts';
import { addRoundTrip } from './rtt.ts';
import { SEG_APP_LIMITED, SEG_EVER_RETRANS, SEG_LOST, SEG_RETRANS, SEG_SACKED } from './scoreboard.ts';
import { TCP_ECN_OK, type TcpSock } from './tcp-sock.ts';
import { SOCK_OPS_RTT_CB, SOCK_OPS_RTT_CB_FLAG } from '../../sock/sock-ops.ts';
import type { TcpWorld } from './world.ts';

const NS_PER_US = 1000;

/** What one acknowledgement delivered; one object for all. */
const got = {
  /** Segments that had not been known to have arrived, and those that `snd_una` moved over. */
  delivered: 0,
  acked: 0,
  retransAcked: false,
  /** When the first and the last segment that left once only did; -1 for none. */
  firstSentNs: -1,
  lastSentNs: -1,
  lastInFlight: 0,
  /** Of the segment that left last: what the rate is measured by. -1 for none. */
  rateSeg: -1,
  rateSentNs: -1,
  priorDelivered: 0,
  priorDeliveredNs: 0,
  firstTxNs: 0,
  rateRetrans: false,
  rateAppLimited: false,
};
const ackSample: AckSample = { pktsAcked: 0, rttUs: -1, inFlight: 0 };
const rate: RateSample = {
  priorMstampUs: 0,
  priorDelivered: 0,
  delivered: -1,
  intervalUs: -1,
  sndIntervalUs: 0,
  rcvIntervalUs: 0,
  rttUs: -1,
  losses: 0,
  ackedSacked: 0,
  priorInFlight: 0,
  isAppLimited: false,
  isRetrans: false,
  isAckDelayed: false,
};

/** A segment arrived at the other end: takes it into the measurements. */
function arrived(sk: TcpSock, seg: number, nowNs: number): void {
  const { board } = sk;
  const slot = board.slot(seg);
  const sentNs = board.sentNs[slot];
  const flags = board.flags[slot];
  got.delivered++;
  sk.delivered++;
  sk.deliveredNs = nowNs;
  // Of a segment that left twice nobody knows which one arrived, unless the answer took a round trip since.
  const sure = (flags & SEG_EVER_RETRANS) === 0 || nowNs - sentNs >= sk.minRttUs * NS_PER_US;
  if (sure && sentNs >= board.rackSentNs) {
    board.rackSentNs = sentNs;
    board.rackRttNs = nowNs - sentNs;
  }
  if (sentNs > got.rateSentNs) {
    got.rateSeg = seg;
    got.rateSentNs = sentNs;
    got.priorDelivered = board.delivered[slot];
    got.priorDeliveredNs = board.deliveredNs[slot];
    got.firstTxNs = board.firstTxNs[slot];
    got.rateRetrans = (flags & SEG_RETRANS) !== 0;
    got.rateAppLimited = (flags & SEG_APP_LIMITED) !== 0;
  }
  if ((flags & SEG_LOST) !== 0) sk.lostOut--;
  if ((flags & SEG_RETRANS) !== 0) sk.retransOut--;
}

/** A segment beyond a hole arrived. */
function takeSack(sk: TcpSock, seg: number, nowNs: number): void {
  const { board } = sk;
  if (seg < sk.sndUna || seg >= sk.sndNxt) return;
  const slot = board.slot(seg);
  const flags = board.flags[slot];
  if ((flags & SEG_SACKED) !== 0) return;
  arrived(sk, seg, nowNs);
  board.flags[slot] = (flags & ~(SEG_LOST | SEG_RETRANS)) | SEG_SACKED;
  sk.sackedOut++;
  if ((flags & SEG_EVER_RETRANS) === 0) got.lastSentNs = board.sentNs[slot];
  if (seg >= board.highestSacked) board.highestSacked = seg + 1;
}

/** Lets go of the segments before `ack`. @see tcp_clean_rtx_queue */
function takeAck(sk: TcpSock, ack: number, nowNs: number): void {
  const { board } = sk;
  for (let seg = sk.sndUna; seg < ack; seg++) {
    const slot = board.slot(seg);
    const flags = board.flags[slot];
    if ((flags & SEG_SACKED) !== 0) sk.sackedOut--;
    else {
      arrived(sk, seg, nowNs);
      if ((flags & SEG_EVER_RETRANS) !== 0) got.retransAcked = true;
      else {
        if (got.firstSentNs < 0) got.firstSentNs = board.sentNs[slot];
        got.lastSentNs = board.sentNs[slot];
      }
    }
    got.lastInFlight = board.inFlight[slot];
    sk.packetsOut--;
    got.acked++;
  }
  if (got.rateSeg >= 0) sk.firstTxNs = got.rateSentNs;
}

/** Measures round trips; answers the one for the congestion control, microseconds, or -1. */
function measure(world: TcpWorld, sk: TcpSock, echoNs: number): number {
  const { nowNs } = world.clock;
  let sampleNs = -1;
  if (got.firstSentNs >= 0 && !got.retransAcked) sampleNs = nowNs - got.firstSentNs;
  else if (got.acked > 0) sampleNs = nowNs - echoNs;
  else if (got.lastSentNs >= 0) sampleNs = nowNs - got.lastSentNs;
  if (sampleNs >= 0) {
    addRoundTrip(sk, sampleNs / NS_PER_US);
    if ((sk.sockOpsFlags & SOCK_OPS_RTT_CB_FLAG) !== 0) world.events.call(sk, SOCK_OPS_RTT_CB, []);
  }
  if (got.lastSentNs < 0 || (got.acked > 0 && got.retransAcked)) return -1;
  return Math.floor((nowNs - got.lastSentNs) / NS_PER_US);
}

/** @see net/ipv4/tcp_rate.c, tcp_rate_gen */
function rateSample(world: TcpWorld, sk: TcpSock, rttUs: number, losses: number, priorInFlight: number): RateSample {
  const { clock } = world;
  const known = got.rateSeg >= 0;
  rate.ackedSacked = got.delivered;
  rate.losses = losses;
  rate.priorInFlight = priorInFlight;
  rate.rttUs = rttUs;
  rate.priorDelivered = known ? got.priorDelivered : 0;
  rate.priorMstampUs = known ? clock.mstampUs(got.priorDeliveredNs) : 0;
  rate.isRetrans = known && got.rateRetrans;
  rate.isAppLimited = known && got.rateAppLimited;
  rate.sndIntervalUs = known ? Math.floor((got.rateSentNs - got.firstTxNs) / NS_PER_US) : 0;
  rate.rcvIntervalUs = known ? Math.floor((clock.nowNs - got.priorDeliveredNs) / NS_PER_US) : 0;
  rate.delivered = known ? sk.delivered - got.priorDelivered : -1;
  rate.intervalUs = known ? Math.max(rate.sndIntervalUs, rate.rcvIntervalUs) : -1;
  // Shorter than the shortest round trip: a burst of acknowledgements, which says nothing of the rate.
  if (rate.intervalUs < sk.minRttUs) rate.intervalUs = -1;
  return rate;
}

function control(world: TcpWorld, sk: TcpSock, ack: number, sample: RateSample, lostRetrans: boolean): void {
  if (sk.ca.congControl !== undefined) {
    sk.ca.congControl(sk, sample);
    return;
  }
  if (inCwndReduction(sk)) reduceCwnd(sk, got.delivered, { retransAcked: got.retransAcked, lostRetrans });
  else if (got.acked > 0) {
    sk.ca.congAvoid?.(sk, sk.seqOf(ack), got.delivered);
    stampCwnd(world, sk);
  }
}

/** An acknowledgement comes in. */
export function ackArrived(world: TcpWorld, sk: TcpSock, packet: Packet): void {
  const { nowNs } = world.clock;
  const { seq: ack, sack, tsNs: echoNs, flags } = packet;
  if (ack > sk.sndNxt || ack < sk.sndUna) return;
  sk.segsIn++;
  const priorInFlight = sk.inFlight;
  const priorLost = sk.lost;
  const ece = (flags & PKT_ECE) !== 0 && (sk.ecnFlags & TCP_ECN_OK) !== 0;
  const advanced = ack > sk.sndUna;
  got.delivered = 0;
  got.acked = 0;
  got.retransAcked = false;
  got.firstSentNs = -1;
  got.lastSentNs = -1;
  got.lastInFlight = 0;
  got.rateSeg = -1;
  got.rateSentNs = -1;

  if (advanced) sk.retransmits = 0;
  const una = sk.sndUna;
  if (sack !== NO_SACK) takeSack(sk, sack, nowNs);
  // Members see the new snd_una, and what is out as it was.
  if (sk.ca.inAckEvent !== undefined) {
    sk.sndUna = ack;
    const plain = advanced && !ece && sack === NO_SACK;
    sk.ca.inAckEvent(sk, plain ? CA_ACK_WIN_UPDATE : CA_ACK_SLOWPATH | (ece ? CA_ACK_ECE : 0));
    sk.sndUna = una;
  }
  if (sk.packetsOut === 0) return;
  takeAck(sk, ack, nowNs);
  sk.sndUna = ack;
  if (ece) sk.deliveredCe += got.delivered;
  if (sk.appLimited > 0 && sk.delivered > sk.appLimited) sk.appLimited = 0;
  const rttUs = measure(world, sk, echoNs);
  if (advanced) {
    if (sk.packetsOut === 0) {
      sk.rtoDeadlineNs = Infinity;
      world.arm(sk);
    } else restartRto(world, sk);
  }
  if ((got.acked > 0 || got.delivered > 0) && sk.ca.pktsAcked !== undefined) {
    ackSample.pktsAcked = got.acked;
    ackSample.rttUs = rttUs;
    ackSample.inFlight = got.lastInFlight;
    sk.ca.pktsAcked(sk, ackSample);
  }
  let lostRetrans = false;
  if (!advanced || ece || sack !== NO_SACK || sk.caState !== TCP_CA_OPEN) {
    lostRetrans = congestionAlert(world, sk, { advanced, ece, retransAcked: got.retransAcked, echoNs });
  }
  control(world, sk, ack, rateSample(world, sk, rttUs, sk.lost - priorLost, priorInFlight), lostRetrans);
  retransmitLost(world, sk);
  sendNew(world, sk);
  if (sk.sndUna === sk.totalSegs) world.finished(sk);
}
