// SPDX-License-Identifier: MIT
// How to test programs that call each other through a program array, which the object fills in when it is loaded.
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { buildPacket, decodePacket, type Layer } from '@tsbpf/capture';
import { createKernel, openObject, type BpfObject } from 'tsbpf';

const OBJECT = readFileSync(new URL('./parser.bpf.o', import.meta.url));
const [VLAN, IPV4, IPV6, TCP, UDP] = [0, 1, 2, 3, 4] as const;
const XDP_PASS = 2;
const XDP_TX = 3;
/** Linux 5.6 lets a run go on for 33 programs after the first. */
const MAX_TAIL_CALLS = 33;

const eth: Layer = { type: 'eth', src: '02:00:00:00:00:01', dst: '02:00:00:00:00:02' };
const vlan: Layer = { type: 'vlan', id: 7 };
const ipv4: Layer = { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2' };
const ipv6: Layer = { type: 'ipv6', src: 'fe80::1', dst: 'fe80::2' };
const tcp: Layer = { type: 'tcp', srcPort: 4000, dstPort: 443 };
const udp = (dstPort: number): Layer => ({ type: 'udp', srcPort: 4000, dstPort });

describe('the parser', () => {
  let obj: BpfObject;
  beforeEach(() => {
    obj = openObject(OBJECT, { sys: createKernel({ cpus: 1 }) }).load();
  });

  /** What the first program, and those that it leads to, return for a packet. */
  const run = (...layers: Layer[]): number =>
    obj.program('parse_ethernet').testRun({ data: buildPacket(layers, new Uint8Array(60)) }).retval;
  const parsed = (): unknown[] => [...obj.map('parsed').values()].map(Number);
  const state = (): unknown => (obj.map('states').get(0) as unknown[])[0];

  it('has a program in every slot of its array', () => {
    const ids = [...obj.map('parsers').values()];
    const progs = ['parse_vlan', 'parse_ipv4', 'parse_ipv6', 'parse_tcp', 'parse_udp'];
    expect(ids).toEqual(progs.map((name) => obj.program(name).info().id));
  });

  it.each<[string, Layer[], number[], { offset: number; tags: number; port: number }]>([
    ['TCP', [eth, ipv4, tcp], [IPV4, TCP], { offset: 34, tags: 0, port: 443 }],
    ['UDP over IPv6', [eth, ipv6, udp(53)], [IPV6, UDP], { offset: 54, tags: 0, port: 53 }],
    ['a tag', [eth, vlan, ipv4, tcp], [VLAN, IPV4, TCP], { offset: 38, tags: 1, port: 443 }],
    ['only IPv4', [eth, ipv4, { type: 'icmp', icmpType: 8 }], [IPV4], { offset: 34, tags: 0, port: 0 }],
    ['nothing', [{ ...eth, etherType: 0x88cc }], [], { offset: 14, tags: 0, port: 0 }],
  ])('understands %s', (_, layers, parsers, left) => {
    expect(run(...layers)).toBe(XDP_PASS);
    expect(parsed()).toEqual([VLAN, IPV4, IPV6, TCP, UDP].map((parser) => (parsers.includes(parser) ? 1 : 0)));
    expect(state()).toEqual(left);
  });

  it('sends back what comes to the echo port', () => {
    const frame = buildPacket([eth, ipv4, udp(7)], new Uint8Array(60));
    const { retval, data } = obj.program('parse_ethernet').testRun({ data: frame });
    expect(retval).toBe(XDP_TX);
    const back = decodePacket(data ?? frame).layers.find((layer) => layer.type === 'udp');
    expect(back).toMatchObject({ srcPort: 7, dstPort: 4000 });
  });

  it('goes on without a parser whose slot is empty', () => {
    obj.map('parsers').delete(TCP);
    expect(run(eth, ipv4, tcp)).toBe(XDP_PASS);
    expect(parsed()).toEqual([0, 1, 0, 0, 0]);
  });

  it('takes a parser that is put in its place while it runs', () => {
    obj.map('parsers').set(TCP, obj.program('parse_udp'));
    expect(run(eth, ipv4, tcp)).toBe(XDP_PASS);
    expect(parsed()).toEqual([0, 1, 0, 0, 1]);
  });

  it('ends where Linux allows no more tail calls', () => {
    const tags = (count: number): Layer[] => new Array<Layer>(count).fill({ ...vlan, tpid: 0x8100 });
    run(eth, ...tags(MAX_TAIL_CALLS - 2), ipv4, tcp);
    expect(parsed()).toEqual([31, 1, 0, 1, 0]);
    run(eth, ...tags(MAX_TAIL_CALLS + 7), ipv4, tcp);
    expect(parsed()).toEqual([31 + 33, 1, 0, 1, 0]);
  });
});
