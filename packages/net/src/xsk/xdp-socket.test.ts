// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BPF_MAP_TYPE_XSKMAP, BPF_PROG_TYPE_XDP, EEXIST, EINVAL, ENOENT, ENOSPC, EOPNOTSUPP } from '@tsbpf/uapi';
import { TestMap, u32s } from '@tsbpf/testkit';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';

const frame = (len: number, first = 0): Uint8Array => Uint8Array.from({ length: len }, (_, i) => (first + i) & 255);

const world = (options: { nativeXdp?: boolean } = {}) => {
  const kernel = realKernel();
  const net = netOf(kernel.state);
  const eth0 = net.createDevice({ name: 'eth0', rxQueues: 2, ...options });
  const map = new TestMap(kernel, { map_type: BPF_MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries: 4 });
  // To the socket of the queue the frame came by; passes where there is none.
  const source = 'r2 = *(u32 *)(r1 + 16)\nr1 = socks ll\nr3 = 2\ncall 51\nexit\n';
  eth0.attachXdp(loadAsm(kernel, BPF_PROG_TYPE_XDP, source, { socks: map.fd }));
  return { kernel, net, eth0, map };
};

describe.each([true, false])('AF_XDP, native XDP %s', (nativeXdp) => {
  it('gets the frames of its queue', () => {
    const { net, eth0, map } = world({ nativeXdp });
    const socket = net.openXdpSocket(eth0, { queue: 1, headroom: 32 });
    expect(map.update(u32s(1), u32s(socket.fd))).toBe(0);
    expect(eth0.receive(frame(60), { queue: 1 }).redirect).toEqual({ index: 1, err: 0, map: '' });
    eth0.receive(frame(61, 7), { queue: 1 });
    eth0.receive(frame(62), { queue: 0 });
    expect(eth0.delivered).toHaveLength(1);
    expect([socket.receive(), socket.receive(), socket.receive()]).toEqual([
      { addr: 32, lenBytes: 60, data: frame(60) },
      { addr: 2048 + 32, lenBytes: 61, data: frame(61, 7) },
      undefined,
    ]);
  });

  it('is refused frames of another queue', () => {
    const { net, eth0, map } = world({ nativeXdp });
    const socket = net.openXdpSocket(eth0, { queue: 1 });
    expect(map.update(u32s(0), u32s(socket.fd))).toBe(0);
    expect(eth0.receive(frame(60)).redirect?.err).toBe(-EINVAL);
    expect([socket.pending, socket.rxDropped]).toEqual([0, 0]);
  });
});

describe('rings', () => {
  it('drop what has no room', () => {
    const { net, eth0, map } = world();
    const socket = net.openXdpSocket(eth0, { refill: false, rxRing: 2, fillRing: 4 });
    expect(map.update(u32s(0), u32s(socket.fd))).toBe(0);
    expect(eth0.receive(frame(60)).redirect?.err).toBe(-ENOSPC);
    for (const addr of [-1, 64 * 2048, 5000, 2048]) socket.fill(addr);
    expect(() => socket.fill(0)).toThrow('full');
    expect(eth0.receive(frame(1793)).redirect?.err).toBe(-ENOSPC);
    expect(eth0.receive(frame(1792)).redirect?.err).toBe(0);
    socket.fill(0);
    expect([eth0.receive(frame(60)).redirect?.err, eth0.receive(frame(60)).redirect?.err]).toEqual([0, -ENOSPC]);
    expect([socket.rxDropped, socket.invalidDescriptors]).toEqual([3, 2]);
    expect([socket.receive()?.addr, socket.receive()?.addr]).toEqual([4096, 2048]);
  });

  it('are read as frames come', async () => {
    const { net, eth0, map } = world();
    const socket = net.openXdpSocket(eth0, { fillRing: 2, frames: 2 });
    map.update(u32s(0), u32s(socket.fd));
    const seen: number[] = [];
    const reader = (async () => {
      for await (const { data } of socket) seen.push(data.length);
    })();
    for (const len of [60, 61, 62, 63, 64]) {
      eth0.receive(frame(len));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    socket.close();
    await reader;
    expect(seen).toEqual([60, 61, 62, 63, 64]);
  });

  it('send past the classifiers', () => {
    const { net, eth0 } = world();
    const socket = net.openXdpSocket(eth0);
    expect(socket.send(2048, frame(60))).toBe(0);
    expect([socket.send(2040, frame(60)), socket.send(64 * 2048 - 8, frame(60))]).toEqual([-EINVAL, -EINVAL]);
    expect(eth0.transmitted).toMatchObject([{ data: frame(60), by: 'af-xdp' }]);
    expect([socket.completed(), socket.completed()]).toEqual([[2048], []]);
  });
});

describe('XSKMAP', () => {
  it('holds AF_XDP sockets until they are closed', () => {
    const { net, eth0, map } = world();
    const [a, b] = [net.openXdpSocket(eth0), net.openXdpSocket(eth0)];
    const put = (fd: number, flags = 0): number => map.update(u32s(0), u32s(fd), flags);
    const tcp = net.connectStreams()[0];
    expect([put(tcp.fd), put(a.fd, 2), put(a.fd, 1), put(a.fd, 1), put(b.fd, 1), put(b.fd, 2)]).toEqual([
      -EOPNOTSUPP,
      -ENOENT,
      0,
      0,
      -EEXIST,
      0,
    ]);
    expect(map.lookup(u32s(0))).toBe(-EOPNOTSUPP);
    b.close();
    expect(eth0.receive(frame(60))).toMatchObject({ action: 'XDP_PASS' });
  });

  it.each([
    [{ queue: 2 }, 'no queue 2; there are 2'],
    [{ frameSize: 1000 }, 'frames of 1000 bytes'],
    [{ rxRing: 3 }, 'power of two'],
    [{ headroom: 2000 }, 'leaves no room'],
  ])('sockets are refused %j', (options, text) => {
    const { net, eth0 } = world();
    expect(() => net.openXdpSocket(eth0, options)).toThrow(text);
  });
});
