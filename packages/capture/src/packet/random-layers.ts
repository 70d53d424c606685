// SPDX-License-Identifier: MIT
// Random layers, each protocol on its own. The order of draws is part of a seed's meaning.
import { formatIpv6 } from './address.ts';
import type { Layer, TcpOption } from './layer.ts';
import { IPPROTO_TCP, IPPROTO_UDP, TCP_ACK, TCP_PSH, TCP_SYN, VXLAN_PORT } from './numbers.ts';
import type { Prng } from './prng.ts';
import { below, pick, randomBytes } from './prng.ts';

export function randomMac(prng: Prng): string {
  return pick(prng, [
    'ff:ff:ff:ff:ff:ff',
    '01:00:5e:00:00:fb',
    `02:00:00:00:00:${hexByte(prng)}`,
    `02:00:00:00:01:${hexByte(prng)}`,
  ]);
}

export function randomIpv4(prng: Prng): string {
  const host = below(prng, 256);
  return pick(prng, [
    `10.0.0.${host}`,
    `192.168.1.${host}`,
    `172.16.${host}.1`,
    '224.0.0.251',
    '127.0.0.1',
    '255.255.255.255',
  ]);
}

export function randomIpv6(prng: Prng): string {
  if (below(prng, 4) === 0) return formatIpv6(randomBytes(prng, 16));
  return pick(prng, [
    `fe80::${hexByte(prng)}`,
    `2001:db8::${hexByte(prng)}`,
    'ff02::1',
    '::1',
    `::ffff:10.0.0.${below(prng, 256)}`,
  ]);
}

export function randomPort(prng: Prng): number {
  return pick(prng, [22, 53, 80, 443, 8080, 1 + below(prng, 65535), 32768 + below(prng, 28000)]);
}

export function randomLink(prng: Prng): Layer[] {
  const eth: Layer = { type: 'eth', dst: randomMac(prng), src: randomMac(prng) };
  const tags = pick(prng, [0, 0, 0, 1, 2]);
  const vlans = Array.from({ length: tags }, (): Layer => {
    return { type: 'vlan', id: below(prng, 4096), pcp: below(prng, 8), dei: below(prng, 8) === 0 };
  });
  return [eth, ...vlans];
}

export function randomArp(prng: Prng): Layer {
  const [senderMac, targetMac] = [randomMac(prng), randomMac(prng)];
  return {
    type: 'arp',
    op: 1 + below(prng, 2),
    senderMac,
    senderIp: randomIpv4(prng),
    targetMac,
    targetIp: randomIpv4(prng),
  };
}

/** The IP header and what belongs to it; `opaque` where a fragment in the middle leaves no transport header. */
export function randomNetwork(prng: Prng, version: 4 | 6): { layers: Layer[]; opaque: boolean } {
  const fragment = below(prng, 10) === 0;
  const fragOff = fragment ? pick(prng, [0, 8, 1480]) : 0;
  const more = fragment && (fragOff === 0 || below(prng, 2) === 0);
  const later = fragOff > 0 ? pick(prng, [IPPROTO_TCP, IPPROTO_UDP]) : undefined;
  const opaque = later !== undefined;
  if (version === 4) {
    const options =
      below(prng, 6) === 0
        ? pick(prng, [
            [1, 1, 1, 0],
            [7, 7, 4, 0, 0, 0, 0, 0],
            [0x94, 4, 0, 0],
          ])
        : [];
    const ipv4: Layer = {
      type: 'ipv4',
      src: randomIpv4(prng),
      dst: randomIpv4(prng),
      tos: pick(prng, [0, 0, 0x10, 0xb8, below(prng, 256)]),
      id: below(prng, 65536),
      df: !fragment && below(prng, 2) === 0,
      mf: more,
      fragOff,
      ttl: pick(prng, [1, 64, 128, 255]),
      protocol: later,
      optionBytes: Uint8Array.from(options),
    };
    return { layers: [ipv4], opaque };
  }
  const layers: Layer[] = [
    {
      type: 'ipv6',
      src: randomIpv6(prng),
      dst: randomIpv6(prng),
      trafficClass: pick(prng, [0, 0, 0xb8]),
      flowLabel: below(prng, 1 << 20),
      hopLimit: pick(prng, [1, 64, 255]),
    },
  ];
  if (below(prng, 8) === 0) layers.push({ type: 'ipv6ext', kind: 'hop-by-hop', data: Uint8Array.of(5, 2, 0, 0, 1, 0) });
  if (below(prng, 12) === 0) layers.push({ type: 'ipv6ext', kind: 'routing', data: Uint8Array.of(4, 0, 0, 0, 0, 0) });
  if (fragment) layers.push({ type: 'ipv6frag', fragOff, more, id: prng(), nextHeader: later });
  if (!opaque && below(prng, 8) === 0) {
    layers.push({ type: 'ipv6ext', kind: 'destination', data: new Uint8Array(pick(prng, [6, 14, 22])) });
  }
  return { layers, opaque };
}

export function randomTransport(prng: Prng, version: 4 | 6): Layer {
  const [srcPort, dstPort] = [randomPort(prng), randomPort(prng)];
  switch (pick(prng, ['tcp', 'tcp', 'tcp', 'udp', 'udp', 'icmp', 'sctp'])) {
    case 'tcp': {
      const flags = pick(prng, [TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_PSH | TCP_ACK, below(prng, 256)]);
      const window = below(prng, 65536);
      return {
        type: 'tcp',
        srcPort,
        dstPort,
        seq: prng(),
        ack: prng(),
        flags,
        window,
        options: randomTcpOptions(prng),
      };
    }
    case 'udp':
      return { type: 'udp', srcPort, dstPort, checksum: version === 4 && below(prng, 6) === 0 ? 0 : undefined };
    case 'sctp':
      return { type: 'sctp', srcPort, dstPort, vtag: prng() };
    default: {
      const echo = version === 4 ? pick(prng, [0, 8]) : pick(prng, [128, 129]);
      const icmpType = pick(prng, [echo, echo, version === 4 ? 3 : 135]);
      const code = icmpType === 3 ? below(prng, 16) : 0;
      return { type: version === 4 ? 'icmp' : 'icmpv6', icmpType, code, rest: icmpType === echo ? prng() : 0 };
    }
  }
}

/** What carries an inner packet: IPIP, GRE with or without Ethernet, VXLAN. */
export function randomTunnel(prng: Prng): { layers: Layer[]; innerEthernet: boolean } {
  switch (pick(prng, ['ipip', 'gre', 'gretap', 'vxlan'])) {
    case 'gre':
    case 'gretap': {
      const checksum = below(prng, 3) === 0 ? true : undefined;
      const key = below(prng, 2) === 0 ? prng() : undefined;
      const seq = below(prng, 3) === 0 ? prng() : undefined;
      return { layers: [{ type: 'gre', checksum, key, seq }], innerEthernet: below(prng, 2) === 0 };
    }
    case 'vxlan': {
      const udp: Layer = { type: 'udp', srcPort: randomPort(prng), dstPort: VXLAN_PORT };
      return { layers: [udp, { type: 'vxlan', vni: below(prng, 1 << 24) }], innerEthernet: true };
    }
    default:
      return { layers: [], innerEthernet: false };
  }
}

function randomTcpOptions(prng: Prng): TcpOption[] {
  switch (below(prng, 4)) {
    case 0:
      return [
        { kind: 2, data: Uint8Array.of(0x05, 0xb4) },
        { kind: 4, data: new Uint8Array(0) },
        { kind: 8, data: randomBytes(prng, 8) },
        { kind: 1 },
        { kind: 3, data: Uint8Array.of(below(prng, 15)) },
      ];
    case 1:
      return [{ kind: 1 }, { kind: 1 }, { kind: 8, data: randomBytes(prng, 8) }];
    case 2:
      return [{ kind: 1 }, { kind: 1 }, { kind: 5, data: randomBytes(prng, 8 * (1 + below(prng, 3))) }];
    default:
      return [];
  }
}

function hexByte(prng: Prng): string {
  return below(prng, 256).toString(16).padStart(2, '0');
}
