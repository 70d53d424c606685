// SPDX-License-Identifier: MIT
export type {
  Capture,
  CaptureFormat,
  CaptureInterface,
  CapturePacket,
  CaptureReader,
  ReadCaptureOptions,
} from './file/capture.ts';
export { LINKTYPE_ETHERNET, LINKTYPE_IPV4, LINKTYPE_IPV6, LINKTYPE_RAW } from './file/capture.ts';
export { iterateCapture, readCapture } from './file/read-capture.ts';
export type {
  EncodePcapOptions,
  EncodePcapngOptions,
  WritableInterface,
  WritablePacket,
} from './file/write-capture.ts';
export { encodeCapture, encodePcap, encodePcapng } from './file/write-capture.ts';
export { formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from './packet/address.ts';
export { buildPacket } from './packet/build.ts';
export { addWords, crc32c, foldChecksum, internetChecksum, pseudoHeaderSum } from './packet/checksum.ts';
export type { DecodeProblem, ProblemKind } from './packet/codec.ts';
export type { DecodeOptions, DecodedPacket } from './packet/decode.ts';
export { decodePacket } from './packet/decode.ts';
export type {
  ArpLayer,
  DecodedLayer,
  EthernetLayer,
  GreLayer,
  IcmpLayer,
  Ipv4Layer,
  Ipv6ExtKind,
  Ipv6ExtLayer,
  Ipv6FragLayer,
  Ipv6Layer,
  Layer,
  LayerSpan,
  LayerType,
  SctpLayer,
  TcpLayer,
  TcpOption,
  UdpLayer,
  VlanLayer,
  VxlanLayer,
} from './packet/layer.ts';
export {
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_TEB,
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_GRE,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IPIP,
  IPPROTO_IPV6,
  IPPROTO_NONE,
  IPPROTO_RAW,
  IPPROTO_ROUTING,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  VXLAN_PORT,
} from './packet/numbers.ts';
export type { Prng } from './packet/prng.ts';
export { createPrng } from './packet/prng.ts';
export type { RandomPacket, RandomPacketOptions } from './packet/random.ts';
export { randomPacket } from './packet/random.ts';
export { summarizePacket } from './packet/summarize.ts';
