// SPDX-License-Identifier: MIT
// Headers put around packets. @see net/core/lwt_bpf.c, bpf_lwt_push_ip_encap; net/ipv6/seg6_iptunnel.c
import { EBADMSG, EINVAL, ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import { internetChecksum } from '@tsbpf/capture';
import type { NetDevice } from '../dev/device.ts';
import { clearHash } from '../skb/hash.ts';
import type { Skb } from '../skb/skb.ts';
import { familyOf, INET6 } from '../world/prefix.ts';
import { worldOf } from '../world/world.ts';
import {
  ETH_P_IP,
  ETH_P_IPV6,
  IPPROTO_IPV6,
  IPV6,
  IPV6_HEADER_BYTES,
  isValidSrh,
  NEXTHDR_ROUTING,
  SEGMENT_BYTES,
  SRH,
  srhBytes,
  write16be,
} from './ipv6-header.ts';
import { lookUpNextHop, routeOfSkb } from './route-skb.ts';

/** @see include/uapi/linux/bpf.h, enum bpf_lwt_encap_mode */
export const ENCAP_SEG6 = 0;
export const ENCAP_SEG6_INLINE = 1;
export const ENCAP_IP = 2;

const MAX_HEADROOM = 256;
const IPV4_HEADER_BYTES = 20;
const SRH_FLAG_HMAC = 0x08;
/** Room for a link header where a route leaves. @see LL_RESERVED_SPACE */
const LINK_ROOM = 32;

/** The packet's headers become those inside. @see skb_reset_inner_headers */
function resetInner(skb: Skb): void {
  for (const name of ['mac_header', 'network_header', 'transport_header'] as const) {
    skb.setHeader(`inner_${name}`, skb.header(name));
  }
}

/**
 * Puts an IP header, with whatever follows it in `bytes`, before the packet.
 * @errno EINVAL shorter than its header, longer than a tunnel may be, or of no IP version @errno ENOMEM
 */
export function pushIp(skb: Skb, bytes: Uint8Array, ingress: boolean): number {
  const { mem } = skb.kernel;
  const len = bytes.length;
  if (len < IPV4_HEADER_BYTES || len > MAX_HEADROOM) return -EINVAL;
  const [first = 0] = bytes;
  const version = first >> 4;
  const headerBytes = version === 4 ? (first & 15) * 4 : IPV6_HEADER_BYTES;
  if ((version !== 4 && version !== 6) || len < headerBytes) return -EINVAL;
  const err = skb.cow(len + (ingress ? skb.macLen : LINK_ROOM));
  if (err < 0) return err;
  if (skb.isGso)
    throw new NotSupportedError('encapsulating a packet of several segments', { errno: ENOSYS, feature: 'GSO' });
  resetInner(skb);
  skb.resetHeader('inner_mac_header');
  skb.set('inner_protocol', skb.protocol);
  skb.set('encapsulation', 1);
  skb.push(len);
  skb.resetHeader('network_header');
  mem.writeBytes(skb.data, bytes);
  skb.computeDataPointers();
  clearHash(skb);
  skb.protocol = version === 4 ? ETH_P_IP : ETH_P_IPV6;
  if (version === 4 && mem.read16(skb.data + 10) === 0) {
    write16be(mem, skb.data + 10, internetChecksum(mem.readBytes(skb.data, headerBytes)));
  }
  return 0;
}

/** The address packets to a destination are sent from: one of the device's own. */
function sourceOf(skb: Skb): Uint8Array {
  const device = skb.kernel.objects.get<NetDevice>(skb.dev, 'netdev');
  if (device === undefined) return new Uint8Array(16);
  const dev = routeOfSkb(skb)?.route?.dev ?? device;
  const own = worldOf(skb.kernel)
    .of(device.netns)
    .routes.filter(({ kind, to }) => kind === 'local' && familyOf(to.ip) === INET6);
  return (own.find((route) => route.dev === dev) ?? own[0])?.to.ip ?? new Uint8Array(16);
}

/** A header with the segments, and before it one of IPv6 to the first of them. @see seg6_do_srh_encap */
function encapsulate(skb: Skb, srh: Uint8Array): number {
  const { mem } = skb.kernel;
  const total = srh.length + IPV6_HEADER_BYTES;
  const err = skb.cow(total + skb.macLen);
  if (err < 0) return err;
  const inner = skb.head + skb.header('network_header');
  const v6 = skb.protocol === ETH_P_IPV6;
  const [flow, hops] = [
    v6 ? mem.readBytes(inner, 4) : Uint8Array.of(0x60, 0, 0, 0),
    v6 ? mem.read8(inner + IPV6.hopLimit) : 64,
  ];
  const source = sourceOf(skb);
  skb.push(total);
  skb.resetHeader('network_header');
  const { data } = skb;
  mem.writeBytes(data, flow);
  mem.write8(data + IPV6.hopLimit, hops);
  mem.write8(data + IPV6.nextHeader, NEXTHDR_ROUTING);
  const at = data + IPV6_HEADER_BYTES;
  mem.writeBytes(at, srh);
  mem.write8(at + SRH.nextHeader, IPPROTO_IPV6);
  const first = mem.read8(at + SRH.firstSegment);
  mem.copy(data + IPV6.daddr, at + SRH.segments + first * SEGMENT_BYTES, SEGMENT_BYTES);
  mem.writeBytes(data + IPV6.saddr, source);
  return 0;
}

/** The header goes into the packet, and its destination becomes the last segment. @see seg6_do_srh_inline */
function insert(skb: Skb, srh: Uint8Array): number {
  const { mem } = skb.kernel;
  const err = skb.cow(srh.length + skb.macLen);
  if (err < 0) return err;
  const header = mem.readBytes(skb.data, IPV6_HEADER_BYTES);
  skb.push(srh.length);
  skb.resetHeader('network_header');
  const { data } = skb;
  const at = data + IPV6_HEADER_BYTES;
  mem.writeBytes(data, header);
  mem.writeBytes(at, srh);
  mem.write8(at + SRH.nextHeader, mem.read8(data + IPV6.nextHeader));
  mem.write8(data + IPV6.nextHeader, NEXTHDR_ROUTING);
  mem.copy(at + SRH.segments, data + IPV6.daddr, SEGMENT_BYTES);
  const first = mem.read8(at + SRH.firstSegment);
  mem.copy(data + IPV6.daddr, at + SRH.segments + first * SEGMENT_BYTES, SEGMENT_BYTES);
  return 0;
}

/**
 * Puts a segment routing header around the packet or into it, and looks up where it goes then.
 * @errno EINVAL no such header @errno EBADMSG a packet of another protocol cannot take it in, and as {@link lookUpNextHop}
 */
export function pushSeg6(skb: Skb, mode: number, from: { off: number; len: number }): number {
  const { mem } = skb.kernel;
  if (!isValidSrh(mem, from.off, from.len)) return -EINVAL;
  const srh = mem.readBytes(from.off, srhBytes(mem, from.off));
  if (((srh[SRH.flags] ?? 0) & SRH_FLAG_HMAC) !== 0) {
    throw new NotSupportedError('segment routing headers that are signed', { errno: ENOSYS, feature: 'SEG6 HMAC' });
  }
  let err: number;
  if (mode === ENCAP_SEG6_INLINE) {
    if (skb.protocol !== ETH_P_IPV6) return -EBADMSG;
    err = insert(skb, srh);
  } else {
    resetInner(skb);
    skb.set('encapsulation', 1);
    err = encapsulate(skb, srh);
  }
  skb.computeDataPointers();
  if (err < 0) return err;
  write16be(mem, skb.data + IPV6.payloadLen, skb.len - IPV6_HEADER_BYTES);
  skb.resetHeader('transport_header', IPV6_HEADER_BYTES);
  return lookUpNextHop(skb);
}
