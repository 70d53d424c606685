// SPDX-License-Identifier: MIT
// IPv6 headers and segment routing headers in packets. @see net/ipv6/exthdrs_core.c, ipv6_find_hdr; net/ipv6/seg6.c
import { ENOENT } from '@tsbpf/uapi';
import type { KernelMemory } from '@tsbpf/memory';
import type { Skb } from '../skb/skb.ts';

export const IPV6_HEADER_BYTES = 40;
/** In memory order. */
export const ETH_P_IP = 0x0008;
export const ETH_P_IPV6 = 0xdd86;
export const IPPROTO_IPV6 = 41;
export const NEXTHDR_ROUTING = 43;
const [NEXTHDR_HOP, NEXTHDR_FRAGMENT, NEXTHDR_AUTH, NEXTHDR_NONE, NEXTHDR_DEST] = [0, 44, 51, 59, 60];
const EXTENSIONS: readonly number[] = [
  NEXTHDR_HOP,
  NEXTHDR_ROUTING,
  NEXTHDR_FRAGMENT,
  NEXTHDR_AUTH,
  NEXTHDR_NONE,
  NEXTHDR_DEST,
];

/** Members of an IPv6 header. */
export const IPV6 = { payloadLen: 4, nextHeader: 6, hopLimit: 7, saddr: 8, daddr: 24 } as const;

/** Members of a segment routing header. @see include/uapi/linux/seg6.h */
export const SRH = {
  nextHeader: 0,
  hdrLen: 1,
  type: 2,
  segmentsLeft: 3,
  firstSegment: 4,
  flags: 5,
  tag: 6,
  segments: 8,
} as const;
export const SRH_BYTES = 8;
export const SEGMENT_BYTES = 16;
const SRH_TYPE = 4;
const TLV_BYTES = 2;

export const srhBytes = (mem: KernelMemory, srh: number): number => (mem.read8(srh + SRH.hdrLen) + 1) << 3;

/** A 16-bit number in network order. */
export function write16be(mem: KernelMemory, at: number, value: number): void {
  mem.write8(at, value >>> 8);
  mem.write8(at + 1, value);
}

/** Where a header begins, counted from the data; -ENOENT where the packet has none. */
export function findHeader(skb: Skb, target: number): number {
  const { mem } = skb.kernel;
  const start = skb.headerOffset('network_header');
  if (start < 0 || start + IPV6_HEADER_BYTES > skb.len || mem.read8(skb.data + start) >> 4 !== 6) return -ENOENT;
  let next = mem.read8(skb.data + start + IPV6.nextHeader);
  let at = start + IPV6_HEADER_BYTES;
  while (next !== target) {
    if (!EXTENSIONS.includes(next) || next === NEXTHDR_NONE || at + 8 > skb.len) return -ENOENT;
    const length = mem.read8(skb.data + at + 1);
    const lenBytes = next === NEXTHDR_FRAGMENT ? 8 : next === NEXTHDR_AUTH ? (length + 2) << 2 : (length + 1) << 3;
    next = mem.read8(skb.data + at);
    at += lenBytes;
  }
  return at;
}

/** Whether a segment routing header of `lenBytes` is one. @see net/ipv6/seg6.c, seg6_validate_srh */
export function isValidSrh(mem: KernelMemory, srh: number, lenBytes: number): boolean {
  if (lenBytes < SRH_BYTES || mem.read8(srh + SRH.type) !== SRH_TYPE || srhBytes(mem, srh) !== lenBytes) return false;
  const first = mem.read8(srh + SRH.firstSegment);
  if (mem.read8(srh + SRH.segmentsLeft) > first) return false;
  let at = SRH_BYTES + (first + 1) * SEGMENT_BYTES;
  if (at > lenBytes) return false;
  while (at < lenBytes) {
    if (lenBytes - at < TLV_BYTES) return false;
    at += TLV_BYTES + mem.read8(srh + at + 1);
  }
  return at === lenBytes;
}
