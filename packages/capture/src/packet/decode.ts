// SPDX-License-Identifier: MIT
import { LINKTYPE_ETHERNET, LINKTYPE_IPV4, LINKTYPE_IPV6, LINKTYPE_RAW } from '../file/capture.ts';
import { decodeArp } from './arp.ts';
import type { DecodeProblem, Decoder, IpContext, Next } from './codec.ts';
import { decodeEthernet, vlanDecoder } from './ethernet.ts';
import { icmpDecoder } from './icmp.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6, decodeIpv6Frag, ipv6ExtDecoder } from './ipv6.ts';
import type { DecodedLayer } from './layer.ts';
import { extKindOf } from './next-protocol.ts';
import * as n from './numbers.ts';
import { decodeSctp } from './sctp.ts';
import { decodeTcp } from './tcp.ts';
import { decodeGre, decodeVxlan } from './tunnel.ts';
import { decodeUdp } from './udp.ts';

/** Layers beyond these are left to the payload: a packet of nothing but tags shall not cost memory. */
const MAX_LAYERS = 64;

export interface DecodeOptions {
  /** How the packet begins (`LINKTYPE_*`); default Ethernet. Also known: raw IP, IPv4, IPv6. */
  linkType?: number;
}

export interface DecodedPacket {
  /** Outermost first. They can be given to {@link buildPacket} again. */
  layers: DecodedLayer[];
  /** What the innermost layer carries: a view, not a copy. */
  payload: Uint8Array;
  payloadOff: number;
  /** Bytes behind what the IP (or ARP) header counts as its own: Ethernet padding. */
  trailer: Uint8Array;
  /** Empty for a packet that is whole and well-formed as far as this package can tell; wrong checksums are not here. */
  problems: DecodeProblem[];
}

/** Takes a packet apart as far as it can be read. Never throws: what is wrong is in `problems`. */
export function decodePacket(bytes: Uint8Array, options: DecodeOptions = {}): DecodedPacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const layers: DecodedLayer[] = [];
  const problems: DecodeProblem[] = [];
  let off = 0;
  let end = bytes.length;
  let ip: IpContext | undefined;
  let next = firstOf(bytes, options.linkType ?? LINKTYPE_ETHERNET);
  while (next !== undefined && next.space !== 'end') {
    const found = decoderFor(next);
    if (found === undefined) break;
    if (layers.length === MAX_LAYERS) {
      problems.push({ kind: 'unsupported', layer: found.name, off, message: `more than ${MAX_LAYERS} layers` });
      break;
    }
    const result = found.decode({ bytes, view, off, end, ip });
    if (!('layer' in result)) {
      problems.push({ ...result, layer: found.name, off });
      break;
    }
    if (result.problem !== undefined) problems.push({ ...result.problem, layer: found.name, off });
    layers.push(result.layer);
    off += result.layer.lenBytes;
    end = result.end ?? end;
    ip = result.ip ?? ip;
    next = result.next;
  }
  if (next === undefined) {
    const message = `link type ${options.linkType}`;
    problems.push({ kind: 'unsupported', layer: 'link', off: 0, message });
  }
  return { layers, payload: bytes.subarray(off, end), payloadOff: off, trailer: bytes.subarray(end), problems };
}

function firstOf(bytes: Uint8Array, linkType: number): Next | undefined {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return { space: 'eth' };
    case LINKTYPE_IPV4:
      return { space: 'ether', proto: n.ETH_P_IP };
    case LINKTYPE_IPV6:
      return { space: 'ether', proto: n.ETH_P_IPV6 };
    case LINKTYPE_RAW:
      return { space: 'ether', proto: bytes.length > 0 && bytes[0] >>> 4 === 6 ? n.ETH_P_IPV6 : n.ETH_P_IP };
    default:
      return undefined;
  }
}

interface Found {
  name: DecodedLayer['type'];
  decode: Decoder;
}

function decoderFor(next: Next): Found | undefined {
  switch (next.space) {
    case 'eth':
      return { name: 'eth', decode: decodeEthernet };
    case 'vxlan':
      return { name: 'vxlan', decode: decodeVxlan };
    case 'ether':
      return etherDecoder(next.proto);
    case 'ip':
      return ipDecoder(next.proto);
    case 'end':
      return undefined;
  }
}

function etherDecoder(proto: number): Found | undefined {
  switch (proto) {
    case n.ETH_P_IP:
      return { name: 'ipv4', decode: decodeIpv4 };
    case n.ETH_P_IPV6:
      return { name: 'ipv6', decode: decodeIpv6 };
    case n.ETH_P_ARP:
      return { name: 'arp', decode: decodeArp };
    case n.ETH_P_8021Q:
    case n.ETH_P_8021AD:
      return { name: 'vlan', decode: vlanDecoder(proto) };
    default:
      return undefined;
  }
}

function ipDecoder(proto: number): Found | undefined {
  switch (proto) {
    case n.IPPROTO_TCP:
      return { name: 'tcp', decode: decodeTcp };
    case n.IPPROTO_UDP:
      return { name: 'udp', decode: decodeUdp };
    case n.IPPROTO_ICMP:
      return { name: 'icmp', decode: icmpDecoder('icmp') };
    case n.IPPROTO_ICMPV6:
      return { name: 'icmpv6', decode: icmpDecoder('icmpv6') };
    case n.IPPROTO_SCTP:
      return { name: 'sctp', decode: decodeSctp };
    case n.IPPROTO_GRE:
      return { name: 'gre', decode: decodeGre };
    case n.IPPROTO_IPIP:
      return { name: 'ipv4', decode: decodeIpv4 };
    case n.IPPROTO_IPV6:
      return { name: 'ipv6', decode: decodeIpv6 };
    case n.IPPROTO_FRAGMENT:
      return { name: 'ipv6frag', decode: decodeIpv6Frag };
    default: {
      const kind = extKindOf(proto);
      return kind && { name: 'ipv6ext', decode: ipv6ExtDecoder(kind) };
    }
  }
}
