// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_XDP,
} from '@tsbpf/uapi';
import { buildPacket, formatMac } from '@tsbpf/capture';
import { u32s } from '@tsbpf/testkit';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';
import { Topology } from './topology.ts';

const datagram = (dst: Uint8Array, dstPort: number): Uint8Array =>
  buildPacket(
    [
      { type: 'eth', dst: formatMac(dst) },
      { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2' },
      { type: 'udp', srcPort: 4000, dstPort },
    ],
    new TextEncoder().encode('hello'),
  );

const world = () => {
  const kernel = realKernel();
  return { kernel, net: new Topology(netOf(kernel.state)) };
};

describe('topologies', () => {
  it('two hosts, one cable, one program: what arrives where', () => {
    const { kernel, net } = world();
    const [a, b] = net.cable('a.eth0', 'b.eth0');
    const server = net.host('b').receiver({ protocol: 'udp', local: { port: 53 } });
    // Drops what goes to an odd port.
    const odd =
      'r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 38\nif r4 > r3 goto pass\nr5 = *(u8 *)(r2 + 37)\nr0 = r5\nr0 &= 1\nif r0 == 0 goto pass\nr0 = 1\nexit\npass: r0 = 2\nexit\n';
    a.send(datagram(b.mac, 53));
    b.attachXdp(loadAsm(kernel, BPF_PROG_TYPE_XDP, odd));
    for (const port of [53, 54]) a.send(datagram(b.mac, port));
    expect(server.received.map(({ data, from }) => [new TextDecoder().decode(data), from.ip, from.port])).toEqual([
      ['hello', '10.0.0.1', 4000],
    ]);
    expect(b.delivered).toHaveLength(2);
    expect(
      net.events.map(({ device, what, note }) => `${device} ${what}${note === undefined ? '' : ` ${note}`}`),
    ).toEqual([
      'a.eth0 to-send',
      'a.eth0 transmitted xmit',
      'b.eth0 arrived',
      'b.eth0 delivered',
      ...['XDP_DROP', 'XDP_PASS'].flatMap((verdict) => [
        'a.eth0 to-send',
        'a.eth0 transmitted xmit',
        'b.eth0 arrived',
        `b.eth0 after-xdp ${verdict}`,
        ...(verdict === 'XDP_PASS' ? ['b.eth0 delivered'] : []),
      ]),
    ]);
  });

  it('a host in the middle redirects: XDP by a map of its own devices, a classifier back', () => {
    const { kernel, net } = world();
    const [a, left] = net.cable('a.eth0', 'router.left');
    const [right, b] = net.cable('router.right', 'b.eth0');
    const router = net.host('router');
    const devs = kernel.bpf(BPF_MAP_CREATE, {
      map_type: BPF_MAP_TYPE_DEVMAP,
      key_size: 4,
      value_size: 4,
      max_entries: 4,
    });
    const update = (): number =>
      kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: devs, key: u32s(0), value: u32s(right.ifindex), flags: 0n });
    expect(router.run(update)).toBe(0);
    left.attachXdp(loadAsm(kernel, BPF_PROG_TYPE_XDP, 'r1 = devs ll\nr2 = 0\nr3 = 0\ncall 51\nexit\n', { devs }));
    const back = loadAsm(kernel, BPF_PROG_TYPE_SCHED_CLS, `r1 = ${left.ifindex}\nr2 = 0\ncall 23\nexit\n`);
    right.attachTc(back, { direction: 'ingress', directAction: true });
    a.send(datagram(b.mac, 1));
    b.send(datagram(a.mac, 2));
    expect([a.delivered.length, b.delivered.length, left.delivered.length, right.delivered.length]).toEqual([
      1, 1, 0, 0,
    ]);
  });

  it.each([
    ['eth0', 'a name looks like host.device'],
    ['a.b.c', 'a name looks like host.device'],
    ['c.eth0', 'there is no host c; there are: a, b'],
    ['a.eth7', 'host a has no device eth7; it has lo, eth0'],
  ])('a device that is not there: %s', (path, text) => {
    const { net } = world();
    net.cable('a.eth0', 'b.eth0');
    expect(() => net.device(path)).toThrow(text);
    expect(() => net.cable('a.eth0', 'b.eth1')).toThrow('cannot be connected');
  });
});
