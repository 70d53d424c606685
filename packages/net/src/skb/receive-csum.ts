// SPDX-License-Identifier: MIT
// Keeping skb->csum right while bytes come and go. @see include/linux/skbuff.h, skb_postpull_rcsum
import { csumAdd, csumPartial, csumSub } from './checksum.ts';
import type { Skb } from './skb.ts';

/** Values of skb->ip_summed. */
export const CHECKSUM_NONE = 0;
export const CHECKSUM_COMPLETE = 2;
export const CHECKSUM_PARTIAL = 3;

/** Bytes at an odd distance from the beginning count with their halves swapped. */
function shifted(sum: number, off: number): number {
  return (off & 1) === 0 ? sum : ((sum << 8) | (sum >>> 24)) >>> 0;
}

/** Bytes at `at`, `off` behind the data, are about to go. */
export function afterPull(skb: Skb, at: number, lenBytes: number, off = 0): void {
  const summed = skb.get('ip_summed');
  if (summed === CHECKSUM_COMPLETE) {
    const part = csumPartial(skb.kernel.mem, at, lenBytes, 0);
    skb.set('csum', csumSub(skb.get('csum'), shifted(part, off)));
  } else if (summed === CHECKSUM_PARTIAL && skb.head + skb.get('csum_start') < skb.data) {
    skb.set('ip_summed', CHECKSUM_NONE);
  }
}

/** Bytes at `at`, `off` behind the data, have come. */
export function afterPush(skb: Skb, at: number, lenBytes: number, off = 0): void {
  if (skb.get('ip_summed') !== CHECKSUM_COMPLETE) return;
  const part = csumPartial(skb.kernel.mem, at, lenBytes, 0);
  skb.set('csum', csumAdd(skb.get('csum'), shifted(part, off)));
}
