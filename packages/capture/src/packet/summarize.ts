// SPDX-License-Identifier: MIT
import type { DecodeOptions, DecodedPacket } from './decode.ts';
import { decodePacket } from './decode.ts';
import type { DecodedLayer, IcmpLayer, TcpLayer, TcpOption } from './layer.ts';
import * as n from './numbers.ts';

/** What the words for one layer depend on, beside the layer. */
interface Around {
  readonly packet: DecodedPacket;
  readonly idx: number;
  /** Bytes behind this header. */
  readonly carried: number;
}

/**
 * One line about a packet, much as tcpdump words it without name resolution (`IP 10.0.0.1.1234 > 10.0.0.2.80: Flags
 * [S], seq 1, win 512, length 0`). Sequence numbers are absolute. A part that cannot be read is `[|tcp]`, a header with
 * contradictions ends in `[bad …]`.
 */
export function summarizePacket(packet: Uint8Array | DecodedPacket, options: DecodeOptions = {}): string {
  const decoded = packet instanceof Uint8Array ? decodePacket(packet, options) : packet;
  const { layers, problems } = decoded;
  const end = decoded.payloadOff + decoded.payload.length;
  const parts = layers.map((layer, idx) => {
    return layerText(layer, { packet: decoded, idx, carried: end - layer.off - layer.lenBytes });
  });
  for (const problem of problems) {
    if (!layers.some((layer) => layer.off === problem.off && layer.type === problem.layer)) {
      parts.push(problem.kind === 'unsupported' ? `[${problem.message}]` : `[|${problem.layer}]`);
    } else if (problem.kind === 'malformed') {
      parts.push(`[bad ${problem.message}]`);
    }
  }
  const text = parts
    .filter((part) => part !== '')
    .join(' ')
    .replace(/:$/, '');
  return problems.length === 0 && carriesOpaque(layers) ? `${text}, length ${decoded.payload.length}` : text;
}

/** Whether the last layer is one whose own text tells no length. */
function carriesOpaque(layers: readonly DecodedLayer[]): boolean {
  const last = layers.at(-1);
  return last?.type === 'eth' || last?.type === 'vlan';
}

function layerText(layer: DecodedLayer, around: Around): string {
  switch (layer.type) {
    case 'eth':
      return isLast(around) ? `${layer.src} > ${layer.dst}, ethertype ${hex4(layer.etherType)}` : '';
    case 'vlan':
      return `vlan ${layer.id}, p ${layer.pcp}${layer.dei === true ? ', DEI' : ''}${isLast(around) ? `, ethertype ${hex4(layer.etherType)}` : ','}`;
    case 'arp':
      return arpText(layer);
    case 'ipv4':
    case 'ipv6':
      return ipText(layer, around);
    case 'ipv6ext':
      return `${EXT_WORDS[layer.kind]}${isLast(around) ? opaqueText(layer.nextHeader, around.carried) : ''}`;
    case 'ipv6frag': {
      const range = `frag (${layer.fragOff}|${around.carried})`;
      return isLast(around) && layer.fragOff === 0 ? `${range} ${opaqueText(layer.nextHeader, around.carried)}` : range;
    }
    case 'tcp':
      return tcpText(layer, around.carried);
    case 'udp':
      return isLast(around) ? `UDP, length ${around.carried}` : '';
    case 'icmp':
    case 'icmpv6':
      return `${layer.type === 'icmp' ? 'ICMP' : 'ICMP6,'} ${icmpText(layer)}, length ${around.carried + layer.lenBytes}`;
    case 'gre': {
      const words = [
        'GREv0',
        layer.key === undefined ? '' : `key=0x${layer.key.toString(16)}`,
        layer.seq === undefined ? '' : `seq ${layer.seq}`,
        `length ${around.carried + layer.lenBytes}`,
      ];
      const inner = isLast(around) ? ` ethertype ${hex4(layer.protocol)}` : '';
      return `${words.filter((word) => word !== '').join(', ')}:${inner}`;
    }
    case 'vxlan':
      return `VXLAN, flags [${(layer.flags ?? 0) & 8 ? 'I' : '.'}] (0x${hexOf(layer.flags, 2)}), vni ${layer.vni}${isLast(around) ? '' : ':'}`;
    case 'sctp':
      return `sctp, vtag ${layer.vtag}, length ${around.carried}`;
  }
}

const EXT_WORDS = { 'hop-by-hop': 'HBH', routing: 'RT', destination: 'DSTOPT', auth: 'AH' } as const;

function isLast({ packet, idx }: Around): boolean {
  return idx === packet.layers.length - 1;
}

function ipText(layer: DecodedLayer & { type: 'ipv4' | 'ipv6' }, around: Around): string {
  const rest = around.packet.layers.slice(around.idx + 1);
  const upper = rest.find((each) => each.type !== 'ipv6ext' && each.type !== 'ipv6frag');
  const ports = upper !== undefined && 'srcPort' in upper ? upper : undefined;
  const src = ports === undefined ? layer.src : `${layer.src}.${ports.srcPort}`;
  const dst = ports === undefined ? layer.dst : `${layer.dst}.${ports.dstPort}`;
  const head = `${layer.type === 'ipv4' ? 'IP' : 'IP6'} ${src} > ${dst}:`;
  const cannotRead = around.packet.problems.some((problem) => problem.off === layer.off + layer.lenBytes);
  if (layer.type === 'ipv4' && (layer.fragOff ?? 0) > 0) {
    return `${head} frag (${layer.fragOff}|${around.carried})${opaqueText(layer.protocol, around.carried)}`;
  }
  if (!isLast(around) || cannotRead) return head;
  return `${head}${opaqueText(layer.type === 'ipv4' ? layer.protocol : layer.nextHeader, around.carried)}`;
}

function opaqueText(protocol: number | undefined, lenBytes: number): string {
  return protocol === n.IPPROTO_NONE ? ' no next header' : ` ip-proto-${protocol}, length ${lenBytes}`;
}

function arpText(layer: DecodedLayer & { type: 'arp' }): string {
  if (layer.op === 1) return `ARP, Request who-has ${layer.targetIp} tell ${layer.senderIp}, length 28`;
  if (layer.op === 2) return `ARP, Reply ${layer.senderIp} is-at ${layer.senderMac}, length 28`;
  return `ARP, op ${layer.op}, length 28`;
}

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [n.TCP_FIN, 'F'],
  [n.TCP_SYN, 'S'],
  [n.TCP_RST, 'R'],
  [n.TCP_PSH, 'P'],
  [n.TCP_ACK, '.'],
  [n.TCP_URG, 'U'],
  [n.TCP_ECE, 'E'],
  [n.TCP_CWR, 'W'],
];

function tcpText(layer: TcpLayer, lenBytes: number): string {
  const { flags = 0, seq = 0, ack = 0, window = 0, urgent = 0, options = [] } = layer;
  const letters = FLAG_LETTERS.filter(([bit]) => (flags & bit) !== 0).map(([, letter]) => letter);
  const words = [`Flags [${letters.length === 0 ? 'none' : letters.join('')}]`];
  if (lenBytes > 0) words.push(`seq ${seq}:${(seq + lenBytes) >>> 0}`);
  else if ((flags & (n.TCP_SYN | n.TCP_FIN | n.TCP_RST)) !== 0) words.push(`seq ${seq}`);
  if ((flags & n.TCP_ACK) !== 0) words.push(`ack ${ack}`);
  words.push(`win ${window}`);
  if ((flags & n.TCP_URG) !== 0) words.push(`urg ${urgent}`);
  if (options.length > 0) words.push(`options [${options.map(tcpOptionText).join(',')}]`);
  words.push(`length ${lenBytes}`);
  return words.join(', ');
}

function tcpOptionText({ kind, data = new Uint8Array(0) }: TcpOption): string {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (kind === 1) return 'nop';
  if (kind === 2 && data.length === 2) return `mss ${view.getUint16(0)}`;
  if (kind === 3 && data.length === 1) return `wscale ${data[0]}`;
  if (kind === 4 && data.length === 0) return 'sackOK';
  if (kind === 5 && data.length > 0 && data.length % 8 === 0) {
    const blocks = Array.from(
      { length: data.length / 8 },
      (_, idx) => `{${view.getUint32(idx * 8)}:${view.getUint32(idx * 8 + 4)}}`,
    );
    return `sack ${blocks.length} ${blocks.join('')}`;
  }
  if (kind === 8 && data.length === 8) return `TS val ${view.getUint32(0)} ecr ${view.getUint32(4)}`;
  return `unknown-${kind}${data.length > 0 ? ` 0x${Array.from(data, (byte) => hexOf(byte, 2)).join('')}` : ''}`;
}

function icmpText(layer: IcmpLayer): string {
  const { type, icmpType, code = 0, rest = 0 } = layer;
  const echo = `id ${rest >>> 16}, seq ${rest & 0xffff}`;
  if (type === 'icmp') {
    if (icmpType === 8) return `echo request, ${echo}`;
    if (icmpType === 0) return `echo reply, ${echo}`;
    if (icmpType === 3) return `unreachable, code ${code}`;
    if (icmpType === 11) return `time exceeded, code ${code}`;
    if (icmpType === 5) return `redirect, code ${code}`;
  } else {
    const words: Record<number, string> = {
      1: `destination unreachable, code ${code}`,
      2: `packet too big, mtu ${rest}`,
      3: `time exceeded, code ${code}`,
      128: `echo request, ${echo}`,
      129: `echo reply, ${echo}`,
      133: 'router solicitation',
      134: 'router advertisement',
      135: 'neighbor solicitation',
      136: 'neighbor advertisement',
    };
    if (words[icmpType] !== undefined) return words[icmpType];
  }
  return `type ${icmpType}, code ${code}`;
}

function hexOf(value: number | undefined, digits: number): string {
  return (value ?? 0).toString(16).padStart(digits, '0');
}

function hex4(value: number | undefined): string {
  return `0x${hexOf(value, 4)}`;
}
