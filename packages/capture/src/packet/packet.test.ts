// SPDX-License-Identifier: MIT
import { UsageError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { formatIpv6, parseIpv4, parseIpv6, parseMac } from './address.ts';
import { buildPacket } from './build.ts';
import { crc32c, internetChecksum } from './checksum.ts';
import { decodePacket } from './decode.ts';
import type { Layer } from './layer.ts';
import { createPrng } from './prng.ts';
import { randomPacket } from './random.ts';
import { summarizePacket } from './summarize.ts';

const eth: Layer = { type: 'eth', dst: '02:00:00:00:00:02', src: '02:00:00:00:00:01' };
const ip4: Layer = { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2' };
const ip6: Layer = { type: 'ipv6', src: 'fe80::1', dst: 'fe80::2' };
const text = (chars: string): Uint8Array => new TextEncoder().encode(chars);

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

describe('addresses', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['64:ff9b::10.1.2.3', '64:ff9b::a01:203'],
  ])('%s is canonically %s', (given, canonical) => {
    expect(formatIpv6(parseIpv6(given))).toBe(canonical);
  });

  it.each([
    ':::',
    '1:2:3:4:5:6:7',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '::g',
    '1:2:3:4:5:6:7::8:9',
    '',
    '::1.2.3',
  ])('refuses the IPv6 address %j', (given) => {
    expect(() => parseIpv6(given)).toThrow(UsageError);
  });

  it('refuses other addresses that are none', () => {
    for (const bad of ['1.2.3', '1.2.3.256', '1.2.3.x', '']) expect(() => parseIpv4(bad)).toThrow(UsageError);
    for (const bad of ['02:00:00:00:00', '02:00:00:00:00:gg', '']) expect(() => parseMac(bad)).toThrow(UsageError);
  });
});

describe('checksums', () => {
  it('agrees with the examples of the RFCs', () => {
    expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(0xffff - 0xddf2);
    expect(crc32c(text('123456789'), 0, 9)).toBe(0xe3069283);
  });
});

describe('buildPacket', () => {
  it('builds a TCP segment that is right to the byte', () => {
    const packet = buildPacket([
      eth,
      { ...ip4, id: 1, ttl: 64 },
      { type: 'tcp', srcPort: 4660, dstPort: 80, seq: 1, flags: 2, window: 512 },
    ]);
    expect(hex(packet)).toBe(
      '020000000002020000000001' +
        '0800' +
        '45000028000100004006' +
        '66cd' +
        '0a0000010a000002' +
        '123400500000000100000000' +
        '50020200' +
        '875b' +
        '0000',
    );
  });

  it.each<[string, Layer[], string]>([
    ['QinQ', [eth, { type: 'vlan', id: 10 }, { type: 'vlan', id: 20, pcp: 5, dei: true }, ip4], '88a8000a8100b0140800'],
    ['one tag', [eth, { type: 'vlan', id: 4095, pcp: 7 }, ip6], '8100efff86dd'],
    ['a given type', [{ ...eth, etherType: 0x1234 }], '1234'],
  ])('%s', (_name, layers, types) => {
    expect(hex(buildPacket(layers)).slice(24, 24 + types.length)).toBe(types);
  });

  it('computes what is left out, for every protocol, and checks it when decoding', () => {
    const inner: Layer[] = [
      { type: 'tcp', srcPort: 1, dstPort: 2, options: [{ kind: 2, data: Uint8Array.of(5, 0xb4) }, { kind: 1 }] },
      { type: 'udp', srcPort: 1, dstPort: 2 },
      { type: 'sctp', srcPort: 1, dstPort: 2, vtag: 9 },
    ];
    for (const ip of [ip4, ip6]) {
      const icmp: Layer = { type: ip === ip4 ? 'icmp' : 'icmpv6', icmpType: ip === ip4 ? 8 : 128, rest: 0x10002 };
      for (const layer of [...inner, icmp]) {
        for (const payload of ['', 'x', 'odd length', 'even length']) {
          const decoded = decodePacket(buildPacket([eth, ip, layer], text(payload)));
          expect(decoded.problems).toEqual([]);
          expect(decoded.layers.map((each) => each.type)).toEqual(['eth', ip.type, layer.type]);
          expect(decoded.layers[2].checksumOk).toBe(true);
          expect(decoded.payload).toEqual(text(payload));
        }
      }
    }
  });

  it('lets wrong values be written', () => {
    const decoded = decodePacket(
      buildPacket([eth, { ...ip4, checksum: 1 }, { type: 'udp', srcPort: 1, dstPort: 2, checksum: 3 }]),
    );
    expect(decoded.layers.map((layer) => layer.checksumOk)).toEqual([undefined, false, false]);
  });

  it('a UDP checksum of zero is sent as ffff', () => {
    for (let port = 0; port < 65536; port++) {
      const packet = buildPacket([ip4, { type: 'udp', srcPort: port, dstPort: 9 }]);
      if (packet[26] === 0xff && packet[27] === 0xff) return;
      if (packet[26] === 0 && packet[27] === 0) expect.fail(`port ${port} gave checksum 0`);
    }
    expect.fail('no port gave ffff');
  });
});

describe('decodePacket', () => {
  it('tells headers, payload and padding apart', () => {
    const packet = buildPacket([eth, ip4, { type: 'udp', srcPort: 53, dstPort: 53 }], text('abc'));
    const frame = new Uint8Array(60);
    frame.set(packet);
    const decoded = decodePacket(frame);
    expect(decoded.layers.map(({ off, lenBytes }) => [off, lenBytes])).toEqual([
      [0, 14],
      [14, 20],
      [34, 8],
    ]);
    expect([decoded.payloadOff, decoded.payload.length, decoded.trailer.length]).toEqual([42, 3, 15]);
  });

  it('reads fragments only as far as they have headers', () => {
    const first = decodePacket(
      buildPacket([eth, { ...ip4, mf: true }, { type: 'udp', srcPort: 1, dstPort: 2, length: 3000 }], text('12345678')),
    );
    expect(first.layers.at(-1)).toMatchObject({ type: 'udp', length: 3000 });
    expect(first.problems).toMatchObject([{ kind: 'truncated', layer: 'udp' }]);
    const later = decodePacket(buildPacket([eth, { ...ip4, fragOff: 1480, protocol: 17 }], text('12345678')));
    expect(later.layers.map((layer) => layer.type)).toEqual(['eth', 'ipv4']);
    const later6 = decodePacket(
      buildPacket([eth, ip6, { type: 'ipv6frag', fragOff: 8, more: true, id: 7, nextHeader: 6 }], text('x')),
    );
    expect(later6.layers.at(-1)).toMatchObject({ type: 'ipv6frag', fragOff: 8, more: true, id: 7, nextHeader: 6 });
  });

  it.each<[string, Layer[], string[]]>([
    ['IPIP', [eth, ip4, ip4, { type: 'icmp', icmpType: 8 }], ['eth', 'ipv4', 'ipv4', 'icmp']],
    ['6in4', [eth, ip4, ip6, { type: 'icmpv6', icmpType: 128 }], ['eth', 'ipv4', 'ipv6', 'icmpv6']],
    ['GRE', [eth, ip4, { type: 'gre', key: 7, seq: 1, checksum: true }, ip4], ['eth', 'ipv4', 'gre', 'ipv4']],
    ['GRE tap', [eth, ip6, { type: 'gre' }, eth, ip4], ['eth', 'ipv6', 'gre', 'eth', 'ipv4']],
    [
      'VXLAN',
      [
        eth,
        ip4,
        { type: 'udp', srcPort: 5, dstPort: 4789 },
        { type: 'vxlan', vni: 77 },
        eth,
        { type: 'vlan', id: 3 },
        ip6,
      ],
      ['eth', 'ipv4', 'udp', 'vxlan', 'eth', 'vlan', 'ipv6'],
    ],
    [
      'extension headers',
      [
        eth,
        ip6,
        { type: 'ipv6ext', kind: 'hop-by-hop', data: Uint8Array.of(1, 4, 0, 0, 0, 0) },
        { type: 'ipv6ext', kind: 'routing', data: new Uint8Array(22) },
        { type: 'ipv6ext', kind: 'auth', data: new Uint8Array(22) },
        { type: 'ipv6ext', kind: 'destination', data: new Uint8Array(3) },
        { type: 'tcp', srcPort: 1, dstPort: 2 },
      ],
      ['eth', 'ipv6', 'ipv6ext', 'ipv6ext', 'ipv6ext', 'ipv6ext', 'tcp'],
    ],
  ])('walks through %s', (_name, layers, types) => {
    const decoded = decodePacket(buildPacket(layers, text('!')));
    expect(decoded.problems).toEqual([]);
    expect(decoded.layers.map((layer) => layer.type)).toEqual(types);
    expect(decoded.layers.some((layer) => layer.checksumOk === false)).toBe(false);
    expect(decoded.payload).toEqual(text('!'));
  });

  it.each<[string, Uint8Array, object]>([
    [
      'nothing',
      new Uint8Array(0),
      { kind: 'truncated', layer: 'eth', off: 0, message: 'Ethernet header needs 14 bytes, 0 are left' },
    ],
    ['half a header', buildPacket([eth, ip4]).subarray(0, 20), { kind: 'truncated', layer: 'ipv4', off: 14 }],
    [
      'a version',
      buildPacket([eth, { ...ip4, version: 5 }]),
      { kind: 'malformed', message: 'IPv4 header with version 5' },
    ],
    [
      'an IHL',
      buildPacket([eth, { ...ip4, ihl: 4 }]),
      { kind: 'malformed', message: 'IPv4 header length 16 is below 20' },
    ],
    [
      'a total length',
      buildPacket([eth, { ...ip4, totalLen: 900 }]),
      { kind: 'truncated', message: 'IPv4 total length 900, 20 bytes are there' },
    ],
    ['a small total length', buildPacket([eth, { ...ip4, totalLen: 19 }]), { kind: 'malformed', layer: 'ipv4' }],
    [
      'a payload length',
      buildPacket([eth, { ...ip6, payloadLen: 9, nextHeader: 59 }]),
      { kind: 'truncated', layer: 'ipv6' },
    ],
    [
      'a data offset',
      buildPacket([ip4, { type: 'tcp', srcPort: 1, dstPort: 2, dataOff: 4 }]),
      { kind: 'malformed', layer: 'tcp' },
    ],
    [
      'a UDP length',
      buildPacket([ip4, { type: 'udp', srcPort: 1, dstPort: 2, length: 9 }]),
      { kind: 'malformed', message: 'UDP length 9, 8 bytes are there' },
    ],
    [
      'a TCP option',
      buildPacket([ip4, { type: 'tcp', srcPort: 1, dstPort: 2, optionBytes: Uint8Array.of(2, 9, 0, 0) }]),
      { kind: 'malformed', message: 'TCP option 2 has length 9, 4 bytes are left' },
    ],
    ['GRE version 1', buildPacket([ip4, { type: 'gre' }]).fill(1, 21, 22), { kind: 'unsupported', layer: 'gre' }],
  ])('says what is wrong with %s', (_name, packet, problem) => {
    const linkType = packet.length > 0 && packet[0] >>> 4 === 4 ? 101 : 1;
    expect(decodePacket(packet, { linkType }).problems).toMatchObject([problem]);
  });

  it('knows other beginnings, and says which it does not know', () => {
    expect(decodePacket(buildPacket([ip6]), { linkType: 101 }).layers[0].type).toBe('ipv6');
    expect(decodePacket(buildPacket([ip4]), { linkType: 228 }).layers[0].type).toBe('ipv4');
    expect(decodePacket(buildPacket([ip4]), { linkType: 147 }).problems).toMatchObject([
      { kind: 'unsupported', layer: 'link' },
    ]);
  });
});

describe('summarizePacket', () => {
  const rows: [string, Layer[], string][] = [
    [
      'IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [S], seq 5, win 512, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0',
      [
        eth,
        ip4,
        {
          type: 'tcp',
          srcPort: 1234,
          dstPort: 80,
          seq: 5,
          flags: 2,
          window: 512,
          options: [
            { kind: 2, data: Uint8Array.of(5, 0xb4) },
            { kind: 4 },
            { kind: 8, data: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0) },
            { kind: 1 },
            { kind: 3, data: Uint8Array.of(7) },
          ],
        },
      ],
      '',
    ],
    [
      'IP6 fe80::1.80 > fe80::2.9: Flags [P.], seq 4294967295:4, ack 8, win 65535, length 5',
      [eth, ip6, { type: 'tcp', srcPort: 80, dstPort: 9, seq: 0xffffffff, ack: 8, flags: 0x18 }],
      'hello',
    ],
    ['IP 10.0.0.1.53 > 10.0.0.2.1024: UDP, length 3', [eth, ip4, { type: 'udp', srcPort: 53, dstPort: 1024 }], 'abc'],
    [
      'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 12',
      [eth, ip4, { type: 'icmp', icmpType: 8, rest: 0x10002 }],
      'ping',
    ],
    [
      'IP6 fe80::1 > fe80::2: ICMP6, neighbor solicitation, length 8',
      [eth, ip6, { type: 'icmpv6', icmpType: 135 }],
      '',
    ],
    [
      'ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
      [
        eth,
        {
          type: 'arp',
          op: 1,
          senderMac: '02:00:00:00:00:01',
          senderIp: '10.0.0.1',
          targetMac: '00:00:00:00:00:00',
          targetIp: '10.0.0.2',
        },
      ],
      '',
    ],
    [
      'vlan 5, p 3, IP 10.0.0.1 > 10.0.0.2: GREv0, key=0x7, length 36: IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 0',
      [
        eth,
        { type: 'vlan', id: 5, pcp: 3 },
        ip4,
        { type: 'gre', key: 7 },
        ip4,
        { type: 'udp', srcPort: 1, dstPort: 2 },
      ],
      '',
    ],
    [
      'IP 10.0.0.1.5 > 10.0.0.2.4789: VXLAN, flags [I] (0x08), vni 77: IP 10.0.0.1 > 10.0.0.2: ip-proto-253, length 1',
      [
        eth,
        ip4,
        { type: 'udp', srcPort: 5, dstPort: 4789 },
        { type: 'vxlan', vni: 77 },
        eth,
        { ...ip4, protocol: 253 },
      ],
      '!',
    ],
    [
      'IP 10.0.0.1 > 10.0.0.2: frag (1480|4) ip-proto-17, length 4',
      [eth, { ...ip4, fragOff: 1480, protocol: 17 }],
      'abcd',
    ],
    ['IP6 fe80::1 > fe80::2: no next header', [eth, ip6], ''],
    ['02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x88cc, length 2', [{ ...eth, etherType: 0x88cc }], 'ab'],
    ['IP 10.0.0.1 > 10.0.0.2: [|tcp]', [eth, { ...ip4, protocol: 6 }], 'abcd'],
    [
      'IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 0 [bad UDP length 7 is below 8]',
      [eth, ip4, { type: 'udp', srcPort: 1, dstPort: 2, length: 7 }],
      '',
    ],
    ['[|eth]', [], 'abc'],
  ];
  it.each(rows)('%s', (line, layers, payload) => {
    expect(summarizePacket(buildPacket(layers, text(payload)))).toBe(line);
  });
});

describe('randomPacket', () => {
  it('is decided by the seed', () => {
    const draw = (): string[] => {
      const prng = createPrng(42);
      return Array.from({ length: 50 }, () => hex(randomPacket(prng).data));
    };
    expect(draw()).toEqual(draw());
    expect(new Set(draw()).size).toBeGreaterThan(45);
  });

  it('covers every protocol and many ways of being broken, and nothing throws', () => {
    const prng = createPrng(7);
    const types = new Set<string>();
    const kinds = new Set<string>();
    const mutations = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const { data, mutation } = randomPacket(prng);
      if (mutation !== undefined) mutations.add(mutation);
      const decoded = decodePacket(data);
      for (const layer of decoded.layers) types.add(layer.type);
      for (const problem of decoded.problems) kinds.add(problem.kind);
      const { payloadOff, payload, trailer } = decoded;
      if (payloadOff + payload.length + trailer.length !== data.length) expect.fail(`${hex(data)} does not add up`);
      expect(summarizePacket(decoded)).toMatch(/^\S.*\S$/);
    }
    expect([...types].sort()).toEqual(
      [
        'arp',
        'eth',
        'gre',
        'icmp',
        'icmpv6',
        'ipv4',
        'ipv6',
        'ipv6ext',
        'ipv6frag',
        'sctp',
        'tcp',
        'udp',
        'vlan',
        'vxlan',
      ].sort(),
    );
    expect([...kinds].sort()).toEqual(['malformed', 'truncated', 'unsupported']);
    expect(mutations.size).toBe(14);
  });

  it('well-formed ones decode without complaint, and encode back to the same bytes', () => {
    const prng = createPrng(99);
    for (let i = 0; i < 5000; i++) {
      const { data, layers } = randomPacket(prng, { malformedOneIn: 0 });
      const decoded = decodePacket(data);
      const firstFragment = layers.some(
        (layer) => (layer.type === 'ipv4' && layer.mf) || (layer.type === 'ipv6frag' && layer.more),
      );
      if (!firstFragment) expect(decoded.problems).toEqual([]);
      expect(decoded.layers.map((layer) => layer.type).slice(0, layers.length)).toEqual(
        layers.map((layer) => layer.type),
      );
      expect(decoded.layers.every((layer) => layer.checksumOk !== false)).toBe(true);
      const again = buildPacket(decoded.layers, decoded.payload);
      expect(hex(again) + hex(decoded.trailer)).toBe(hex(data));
    }
  });
});
