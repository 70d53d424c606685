// SPDX-License-Identifier: MIT
// Opening and closing gaps behind the link or network header. @see net/core/filter.c, bpf_skb_generic_push
import { ENOMEM } from '@tsbpf/uapi';
import { afterPull } from './receive-csum.ts';
import type { Skb } from './skb.ts';

function moveHeaders(skb: Skb, by: number): void {
  const together = skb.header('transport_header') === skb.header('network_header');
  skb.setHeader('mac_header', skb.header('mac_header') + by);
  skb.setHeader('network_header', skb.header('network_header') + by);
  if (together) skb.setHeader('transport_header', skb.header('network_header'));
}

/** Inserts zeroes `off` bytes behind the data; there must be headroom. The headers before the gap move to the front. */
export function openGap(skb: Skb, off: number, lenBytes: number): number {
  const { mem } = skb.kernel;
  skb.push(lenBytes);
  mem.copy(skb.data, skb.data + lenBytes, off);
  mem.fill(skb.data + off, lenBytes, 0);
  moveHeaders(skb, -lenBytes);
  return 0;
}

/** Removes bytes `off` behind the data. 0 or -ENOMEM: there are not so many. */
export function closeGap(skb: Skb, off: number, lenBytes: number): number {
  if (off + lenBytes > skb.len) return -ENOMEM;
  afterPull(skb, skb.data + off, lenBytes, off);
  skb.kernel.mem.copy(skb.data + lenBytes, skb.data, off);
  skb.pull(lenBytes);
  moveHeaders(skb, lenBytes);
  return 0;
}
