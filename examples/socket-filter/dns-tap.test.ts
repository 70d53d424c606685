// SPDX-License-Identifier: MIT
// How to test a socket filter: open a packet socket on a device, attach the filter, and see what the socket gets.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildPacket, type Layer } from '@tsbpf/capture';
import { createKernel, formatXlated, openObject, type BpfObject, type SimulatedKernel } from 'tsbpf';

const OBJECT = readFileSync(new URL('./dns-tap.bpf.o', import.meta.url));
const ETHERNET = 14;
const ETH: Layer = { type: 'eth', src: '02:00:00:00:00:01', dst: '02:00:00:00:00:02' };
const IPV4: Layer = { type: 'ipv4', src: '10.0.0.7', dst: '10.0.0.53' };
const IPV6: Layer = { type: 'ipv6', src: 'fe80::7', dst: 'fe80::53' };
/** The first bytes of a question with id 0xbeef, and 98 more. */
const QUESTION = new Uint8Array(100);
QUESTION.set([0xbe, 0xef]);

function load(kernel: SimulatedKernel): BpfObject {
  return openObject(OBJECT, { sys: kernel }).load();
}

/** What a socket on eth0 with the filter gets of a frame. */
function tapped(kernel: SimulatedKernel, obj: BpfObject, frame: Uint8Array): Uint8Array | undefined {
  const eth0 = kernel.net.device('eth0');
  const { fd, socket } = eth0.openPacketSocket();
  obj.program('dns_tap').attachSocketFilter(fd);
  eth0.receive(frame);
  kernel.close(fd);
  return socket.frames[0]?.data;
}

describe('the DNS tap', () => {
  it('takes whole DNS packets and remembers who asked', () => {
    const kernel = createKernel();
    using obj = load(kernel);
    const frame = buildPacket([ETH, IPV4, { type: 'udp', srcPort: 4000, dstPort: 53 }], QUESTION);
    expect(tapped(kernel, obj, frame)).toEqual(frame);
    expect([...obj.map('questions')]).toEqual([[0xbeef, 0x0a000007]]);
    expect(obj.map('protocols').get(17)).toBe(1n);
  });

  it.each<[string, Layer[], number]>([
    ['UDP', [IPV4, { type: 'udp', srcPort: 4000, dstPort: 4001 }], 20 + 8],
    ['TCP', [IPV4, { type: 'tcp', srcPort: 4000, dstPort: 53 }], 20 + 20],
    [
      'TCP behind IPv4 options',
      [
        { ...IPV4, optionBytes: new Uint8Array(8).fill(1) },
        { type: 'tcp', srcPort: 1, dstPort: 2 },
      ],
      28 + 20,
    ],
    ['UDP over IPv6', [IPV6, { type: 'udp', srcPort: 4000, dstPort: 4001 }], 40 + 8],
  ])('keeps %s up to a fixed length', (_, layers, kept) => {
    const kernel = createKernel();
    using obj = load(kernel);
    const frame = buildPacket([ETH, ...layers], QUESTION);
    expect(tapped(kernel, obj, frame)).toEqual(frame.slice(0, ETHERNET + kept));
  });

  it.each<[string, Uint8Array]>([
    ['a later fragment', buildPacket([ETH, { ...IPV4, protocol: 17, fragOff: 800 }], QUESTION)],
    ['a ping', buildPacket([ETH, IPV4, { type: 'icmp', icmpType: 8 }], QUESTION)],
    [
      'a packet that ends in its UDP header',
      buildPacket([ETH, IPV4, { type: 'udp', srcPort: 1, dstPort: 53 }]).slice(0, ETHERNET + 20 + 3),
    ],
  ])('takes nothing of %s', (_, frame) => {
    const kernel = createKernel();
    using obj = load(kernel);
    expect(tapped(kernel, obj, frame)).toBeUndefined();
  });

  it('needs no socket to be tried out', () => {
    const kernel = createKernel();
    using obj = load(kernel);
    const frame = buildPacket([ETH, IPV4, { type: 'udp', srcPort: 4000, dstPort: 4001 }], QUESTION);
    const { retval, data } = obj.program('dns_tap').testRun({ data: frame });
    expect(retval).toBe(ETHERNET + 20 + 8);
    // Linux takes the link header off before such a test run, and puts an empty one back.
    expect(data).toEqual(frame.fill(0, 0, ETHERNET));
  });

  it('is made of the loads that classic BPF had', () => {
    using obj = openObject(OBJECT);
    const listing = formatXlated(obj.program('dns_tap').insns);
    expect(listing).toMatch(/\(30\) r0 = \*\(u8 \*\)skb\[-1048567\]/);
    expect(listing).toMatch(/\(48\) r0 = \*\(u16 \*\)skb\[r\d \+ 0\]/);
  });
});
