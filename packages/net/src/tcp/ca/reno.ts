// SPDX-License-Identifier: MIT
// Reno: RFC 5681, growth as a sender counts it when one acknowledgement covers several segments (RFC 3465).
import type { TcpSock } from '../sock/tcp-sock.ts';
import type { CongestionControl } from './congestion-control.ts';

const MIN_WINDOW = 2;

/** Slow start: the window grows by what was acknowledged, up to the threshold. Answers what is left over. */
export function slowStart(sk: TcpSock, acked: number): number {
  const grown = Math.min(sk.cwnd + acked, sk.ssthresh);
  const left = acked - (grown - sk.cwnd);
  sk.cwnd = Math.min(grown, sk.cwndClamp);
  return left;
}

/** Congestion avoidance: a segment for every window that was acknowledged. */
function growByWindow(sk: TcpSock, acked: number): void {
  sk.cwndCnt += acked;
  if (sk.cwndCnt < sk.cwnd) return;
  const grown = Math.floor(sk.cwndCnt / sk.cwnd);
  sk.cwndCnt -= grown * sk.cwnd;
  sk.cwnd = Math.min(sk.cwnd + grown, sk.cwndClamp);
}

/** The congestion control every Linux has. */
export const reno: CongestionControl = {
  name: 'reno',
  flags: 1,
  inKernelMemory: false,
  get: () => true,
  put: () => undefined,
  ssthresh: (sk) => Math.max(sk.cwnd >> 1, MIN_WINDOW),
  undoCwnd: (sk) => Math.max(sk.cwnd, sk.priorCwnd),
  congAvoid(sk, _ack, acked) {
    if (!sk.windowLimited) return;
    const left = sk.inSlowStart ? slowStart(sk, acked) : acked;
    if (left > 0) growByWindow(sk, left);
  },
};
