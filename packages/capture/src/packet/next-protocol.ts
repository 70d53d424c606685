// SPDX-License-Identifier: MIT
import type { Ipv6ExtKind, Layer } from './layer.ts';
import * as n from './numbers.ts';

const EXT_PROTOCOLS: Record<Ipv6ExtKind, number> = {
  'hop-by-hop': n.IPPROTO_HOPOPTS,
  routing: n.IPPROTO_ROUTING,
  destination: n.IPPROTO_DSTOPTS,
  auth: n.IPPROTO_AH,
};

export function extKindOf(proto: number): Ipv6ExtKind | undefined {
  return (Object.keys(EXT_PROTOCOLS) as Ipv6ExtKind[]).find((kind) => EXT_PROTOCOLS[kind] === proto);
}

/** The EtherType that announces a layer; 0 for one that no EtherType announces. `after` is the layer behind it. */
export function etherTypeOf(layer: Layer | undefined, after?: Layer): number {
  switch (layer?.type) {
    case 'ipv4':
      return n.ETH_P_IP;
    case 'ipv6':
      return n.ETH_P_IPV6;
    case 'arp':
      return n.ETH_P_ARP;
    case 'vlan':
      return layer.tpid ?? (after?.type === 'vlan' ? n.ETH_P_8021AD : n.ETH_P_8021Q);
    case 'eth':
      return n.ETH_P_TEB;
    default:
      return 0;
  }
}

/** The IP protocol number that announces a layer; 255 for opaque bytes. */
export function ipProtocolOf(layer: Layer | undefined): number {
  switch (layer?.type) {
    case 'tcp':
      return n.IPPROTO_TCP;
    case 'udp':
      return n.IPPROTO_UDP;
    case 'icmp':
      return n.IPPROTO_ICMP;
    case 'icmpv6':
      return n.IPPROTO_ICMPV6;
    case 'sctp':
      return n.IPPROTO_SCTP;
    case 'gre':
      return n.IPPROTO_GRE;
    case 'ipv4':
      return n.IPPROTO_IPIP;
    case 'ipv6':
      return n.IPPROTO_IPV6;
    case 'ipv6ext':
      return EXT_PROTOCOLS[layer.kind];
    case 'ipv6frag':
      return n.IPPROTO_FRAGMENT;
    default:
      return n.IPPROTO_RAW;
  }
}

/** The same for IPv6, where nothing behind the header is a protocol of its own. */
export function nextHeaderOf(layer: Layer | undefined, payload: Uint8Array): number {
  return layer === undefined && payload.length === 0 ? n.IPPROTO_NONE : ipProtocolOf(layer);
}
