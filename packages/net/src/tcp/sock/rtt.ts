// SPDX-License-Identifier: MIT
// Round trips and the timeout made of them: RFC 6298, with the variance Linux keeps. @see net/ipv4/tcp_input.c
import type { TcpSock } from './tcp-sock.ts';

const RTO_MIN_US = 200_000;
const RTO_MAX_US = 120_000_000;
const NS_PER_US = 1000;

/** Takes in a round trip; microseconds. The mean weighs it by an eighth, the deviation by a quarter. */
export function addRoundTrip(sk: TcpSock, sampleUs: number): void {
  const us = Math.max(1, Math.floor(sampleUs));
  if (us < sk.minRttUs) sk.minRttUs = us;
  if (sk.srttUs === 0) {
    sk.srttUs = us * 8;
    sk.mdevUs = us * 2;
    sk.rttvarUs = Math.max(sk.mdevUs, RTO_MIN_US);
    sk.mdevMaxUs = sk.rttvarUs;
    sk.rttSeq = sk.sndNxt;
  } else {
    const error = us - (sk.srttUs >> 3);
    sk.srttUs += error;
    let change = Math.abs(error) - (sk.mdevUs >> 2);
    // A round trip that fell says little of the deviation: it counts an eighth.
    if (error < 0 && change > 0) change >>= 3;
    sk.mdevUs += change;
    if (sk.mdevUs > sk.mdevMaxUs) {
      sk.mdevMaxUs = sk.mdevUs;
      if (sk.mdevMaxUs > sk.rttvarUs) sk.rttvarUs = sk.mdevMaxUs;
    }
    // Once a round trip the deviation may fall.
    if (sk.sndUna > sk.rttSeq) {
      if (sk.mdevMaxUs < sk.rttvarUs) sk.rttvarUs -= (sk.rttvarUs - sk.mdevMaxUs) >> 2;
      sk.rttSeq = sk.sndNxt;
      sk.mdevMaxUs = RTO_MIN_US;
    }
  }
  sk.rtoNs = Math.min((sk.srttUs >> 3) + sk.rttvarUs, RTO_MAX_US) * NS_PER_US;
  sk.backoff = 0;
}
