// SPDX-License-Identifier: MIT
// The layers of a packet as plain data: what buildPacket takes and decodePacket answers. Optional fields are lengths,
// checksums and types of the next header; the builder computes what is missing, and a given value wins even where it
// is wrong, which is how malformed packets are made. All numbers are in host order.

/** Addresses are text: `02:00:00:00:00:01`, `10.0.0.1`, `fe80::1`. */
export interface EthernetLayer {
  type: 'eth';
  dst?: string;
  src?: string;
  /** Below 1536 it is the length of an 802.3 frame. */
  etherType?: number;
}

export interface VlanLayer {
  type: 'vlan';
  /** VLAN id, 0 to 4095. */
  id: number;
  /** Priority, 0 to 7. */
  pcp?: number;
  /** Drop eligible. */
  dei?: boolean;
  /** Type that announces the tag, in the header before; default 0x8100, 0x88a8 where another tag follows. */
  tpid?: number;
  etherType?: number;
}

export interface ArpLayer {
  type: 'arp';
  /** 1 request, 2 reply. */
  op: number;
  senderMac: string;
  senderIp: string;
  targetMac: string;
  targetIp: string;
}

export interface Ipv4Layer {
  type: 'ipv4';
  src: string;
  dst: string;
  version?: number;
  /** Header length in words. */
  ihl?: number;
  tos?: number;
  totalLen?: number;
  id?: number;
  /** The reserved flag. */
  rf?: boolean;
  df?: boolean;
  mf?: boolean;
  /** Bytes, a multiple of 8. */
  fragOff?: number;
  ttl?: number;
  protocol?: number;
  checksum?: number;
  /** Padded to words. */
  optionBytes?: Uint8Array;
}

export interface Ipv6Layer {
  type: 'ipv6';
  src: string;
  dst: string;
  version?: number;
  trafficClass?: number;
  flowLabel?: number;
  payloadLen?: number;
  nextHeader?: number;
  hopLimit?: number;
}

export type Ipv6ExtKind = 'hop-by-hop' | 'routing' | 'destination' | 'auth';

export interface Ipv6ExtLayer {
  type: 'ipv6ext';
  kind: Ipv6ExtKind;
  /** What follows the two bytes of next header and length; padded with zeroes to units of 8 bytes. */
  data: Uint8Array;
  nextHeader?: number;
  /** The length field as it stands in the header. */
  extLen?: number;
}

export interface Ipv6FragLayer {
  type: 'ipv6frag';
  /** Bytes, a multiple of 8. */
  fragOff: number;
  more: boolean;
  id: number;
  nextHeader?: number;
}

/** A TCP option; NOP (1) has no data. */
export interface TcpOption {
  kind: number;
  data?: Uint8Array;
}

export interface TcpLayer {
  type: 'tcp';
  srcPort: number;
  dstPort: number;
  seq?: number;
  ack?: number;
  /** Header length in words. */
  dataOff?: number;
  /** `TCP_*` and, above them, the reserved bits: 12 bits. */
  flags?: number;
  window?: number;
  checksum?: number;
  urgent?: number;
  options?: TcpOption[];
  /** The options as bytes; wins over `options`. */
  optionBytes?: Uint8Array;
}

export interface UdpLayer {
  type: 'udp';
  srcPort: number;
  dstPort: number;
  length?: number;
  /** 0 is "none". */
  checksum?: number;
}

export interface IcmpLayer {
  type: 'icmp' | 'icmpv6';
  icmpType: number;
  code?: number;
  checksum?: number;
  /** The last word of the header: for an echo, id in the high half and sequence number in the low one. */
  rest?: number;
}

export interface GreLayer {
  type: 'gre';
  protocol?: number;
  key?: number;
  seq?: number;
  /** Given as a number it is written as it is; `true` has it computed. */
  checksum?: number | true;
}

export interface VxlanLayer {
  type: 'vxlan';
  vni: number;
  /** Default 0x08: the VNI is valid. */
  flags?: number;
}

export interface SctpLayer {
  type: 'sctp';
  srcPort: number;
  dstPort: number;
  vtag?: number;
  /** CRC32c. */
  checksum?: number;
}

export type Layer =
  | EthernetLayer
  | VlanLayer
  | ArpLayer
  | Ipv4Layer
  | Ipv6Layer
  | Ipv6ExtLayer
  | Ipv6FragLayer
  | TcpLayer
  | UdpLayer
  | IcmpLayer
  | GreLayer
  | VxlanLayer
  | SctpLayer;

export type LayerType = Layer['type'];

/** Where a decoded layer's header lies in the packet. */
export interface LayerSpan {
  off: number;
  lenBytes: number;
  /** Undefined where there is none or where bytes to check it are missing (fragments, cut captures). */
  checksumOk?: boolean;
}

export type DecodedLayer = Layer & LayerSpan;
