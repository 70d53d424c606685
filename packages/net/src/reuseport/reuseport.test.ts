// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  BPF_PROG_TYPE_SK_REUSEPORT,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  EINVAL,
  ENOENT,
} from '@tsbpf/uapi';
import { buildPacket, formatMac } from '@tsbpf/capture';
import { TestMap, u32s } from '@tsbpf/testkit';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';

const world = () => {
  const kernel = realKernel();
  const net = netOf(kernel.state);
  const eth0 = net.createDevice({ name: 'eth0' });
  const map = new TestMap(kernel, {
    map_type: BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
    key_size: 4,
    value_size: 8,
    max_entries: 4,
  });
  const open = (protocol: 'udp' | 'tcp', ip?: string, port = 53) =>
    net.openReceiver({ protocol, local: { port, ...(ip === undefined ? {} : { ip }) }, reuseport: true });
  const arrive = (protocol: 'udp' | 'tcp', payload: string, srcPort = 4000, dstPort = 53): void => {
    const dst = formatMac(eth0.mac);
    const l4 =
      protocol === 'udp'
        ? ({ type: 'udp', srcPort, dstPort } as const)
        : ({ type: 'tcp', srcPort, dstPort, flags: 2 } as const);
    const layers = [{ type: 'eth', dst }, { type: 'ipv4', src: '10.0.0.9', dst: '10.0.0.1' }, l4] as const;
    eth0.receive(buildPacket(layers, new TextEncoder().encode(payload)));
  };
  const setsockopt = (fd: number, name: number, value: Uint8Array): number =>
    kernel.setsockopt?.(fd, 1, name, value) ?? 0;
  return { kernel, net, map, open, arrive, setsockopt };
};
const u64 = (value: number): Uint8Array => u32s(value, 0);

/** Chooses the map's entry of a number and answers 1; where the helper fails, its answer becomes part of the verdict. */
const choose = (key: string): string => `r6 = r1
r2 = *(u64 *)(r6 + 0)
r3 = *(u64 *)(r6 + 8)
r4 = r2
r4 += 9
if r4 > r3 goto refuse
r5 = *(u8 *)(r2 + 8)
r5 -= 48
*(u32 *)(r10 - 4) = ${key}
r1 = r6
r2 = socks ll
r3 = r10
r3 += -4
r4 = 0
call 82
if r0 != 0 goto refuse
r0 = 1
exit
refuse: r0 = 0
exit
`;

describe.each(['udp', 'tcp'] as const)('%s sockets that share a port', (protocol) => {
  it('are chosen by hash, the same for the same sender', () => {
    const { open, arrive } = world();
    const sockets = [open(protocol), open(protocol), open(protocol)];
    for (let port = 4000; port < 4060; port++) {
      arrive(protocol, 'x', port);
      arrive(protocol, 'x', port);
    }
    expect(sockets.map(({ received }) => received.length).reduce((a, b) => a + b)).toBe(120);
    for (const { received } of sockets) {
      expect(received.length).toBeGreaterThan(10);
      expect(received.length % 2).toBe(0);
    }
  });
});

describe('SK_REUSEPORT', () => {
  it('sees the packet from its transport header on, and chooses', () => {
    const { kernel, map, open, arrive, setsockopt } = world();
    const sockets = [open('udp'), open('udp')];
    sockets.forEach(({ fd }, at) => expect(map.update(u32s(at), u64(fd))).toBe(0));
    const prog = loadAsm(kernel, BPF_PROG_TYPE_SK_REUSEPORT, choose('r5'), { socks: map.fd });
    expect(setsockopt(sockets[0]!.fd, 52, u32s(prog))).toBe(0);
    for (const text of ['0a', '1b', '1c', '0d', '3e', '']) arrive('udp', text);
    const texts = sockets.map((socket) => socket.drain().map(({ data }) => new TextDecoder().decode(data)));
    // No entry, or a refusal: nobody gets it.
    expect(texts).toEqual([
      ['0a', '0d'],
      ['1b', '1c'],
    ]);
    expect(setsockopt(sockets[1]!.fd, 68, u32s(0))).toBe(0);
    expect(setsockopt(sockets[1]!.fd, 68, u32s(0))).toBe(-ENOENT);
    arrive('udp', '3f');
    expect(sockets.flatMap((socket) => socket.drain())).toHaveLength(1);
  });

  it('is held to sockets of the group that was asked', () => {
    const { kernel, net, map, open, arrive, setsockopt } = world();
    const other = open('udp', undefined, 54);
    const tcp = open('tcp');
    const v6 = net.openReceiver({ protocol: 'udp', version: 6, local: { port: 55 }, reuseport: true });
    [other, tcp, v6].forEach(({ fd }, at) => expect(map.update(u32s(at), u64(fd))).toBe(0));
    const own = open('udp');
    const errno: number[] = [];
    // The answer of the helper is told to the test in place of a verdict.
    kernel.state.overrideHelper('sk_select_reuseport', (original) => (...args) => {
      const result = original?.(...args) ?? 0;
      errno.push(result);
      return result;
    });
    const prog = loadAsm(kernel, BPF_PROG_TYPE_SK_REUSEPORT, choose('r5'), { socks: map.fd });
    expect(setsockopt(own.fd, 52, u32s(prog))).toBe(0);
    arrive('udp', '0');
    expect(map.update(u32s(3), u64(own.fd))).toBe(0);
    for (const text of ['0', '1', '2', '3']) arrive('udp', text);
    expect(own.drain()).toHaveLength(1);
    other.close();
    arrive('udp', '0');
    // -ENOENT before the group has a number; then EBADFD, EPROTOTYPE, EAFNOSUPPORT, success; a closed socket.
    expect(errno).toEqual([-2, -77, -91, -97, 0, -2]);
  });

  it('attaches to sockets that share, and only of its types', () => {
    const { kernel, map, net, open, setsockopt } = world();
    const alone = net.openReceiver({ protocol: 'udp', local: { port: 99 } });
    const shares = open('udp');
    const prog = loadAsm(kernel, BPF_PROG_TYPE_SK_REUSEPORT, choose('r5'), { socks: map.fd });
    const xdp = loadAsm(kernel, BPF_PROG_TYPE_XDP, 'r0 = 2\nexit\n');
    const filter = loadAsm(kernel, BPF_PROG_TYPE_SOCKET_FILTER, 'r0 = 1\nexit\n');
    expect(setsockopt(alone.fd, 52, u32s(prog))).toBe(-EINVAL);
    expect(setsockopt(alone.fd, 68, u32s(0))).toBe(-EINVAL);
    expect([setsockopt(shares.fd, 52, u32s(xdp)), setsockopt(shares.fd, 52, new Uint8Array(8))]).toEqual([
      -EINVAL,
      -EINVAL,
    ]);
    expect(setsockopt(shares.fd, 52, u32s(filter))).toBe(0);
  });

  it('gives way to a socket filter that names sockets by number', () => {
    const { kernel, open, arrive, setsockopt } = world();
    const sockets = [open('udp'), open('udp')];
    const filter = loadAsm(kernel, BPF_PROG_TYPE_SOCKET_FILTER, 'r6 = r1\nr0 = *(u8 *)skb[0]\nr0 -= 48\nexit\n');
    expect(setsockopt(sockets[0]!.fd, 52, u32s(filter))).toBe(0);
    for (const text of ['1', '0', '1']) arrive('udp', text);
    expect(sockets.map((socket) => socket.drain().length)).toEqual([1, 2]);
  });
});

it('a port is shared only by those who want to', () => {
  const { net, open, kernel } = world();
  const first = open('udp');
  expect(() => net.openReceiver({ protocol: 'udp', local: { port: 53 } })).toThrow(/taken/);
  first.close();
  const again = net.openReceiver({ protocol: 'udp', local: { port: 53 } });
  again.close();
  expect(kernel.bpf(BPF_MAP_CREATE, { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 })).toBeGreaterThan(0);
});
