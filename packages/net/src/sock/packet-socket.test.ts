// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP, EBADF, EINVAL, ENOENT, ENOSYS } from '@tsbpf/uapi';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';

const fdBytes = (fd: number): Uint8Array => new Uint8Array(new Int32Array([fd]).buffer);
const frame = (len: number, type: number): Uint8Array => {
  const bytes = new Uint8Array(len).fill(7);
  bytes.set([type >> 8, type & 255], 12);
  return bytes;
};

describe('packet sockets', () => {
  const kernel = realKernel();
  const eth0 = netOf(kernel.state).createDevice({ name: 'eth0' });

  it('see what a device receives and sends', () => {
    const { fd, socket } = eth0.openPacketSocket();
    eth0.receive(frame(60, 0x0800));
    eth0.send(frame(70, 0x0806));
    expect(socket.frames).toEqual([
      { data: frame(60, 0x0800), lenBytes: 60, direction: 'received' },
      { data: frame(70, 0x0806), lenBytes: 70, direction: 'sent' },
    ]);
    kernel.close(fd);
    eth0.receive(frame(60, 0x0800));
    expect(socket.frames.length).toBe(2);
  });

  it('keep as much as a filter says', () => {
    // 20 bytes of ARP, nothing of the rest; cb is zero at each run
    const source =
      'r6 = r1\nr0 = *(u16 *)skb[12]\nr7 = *(u32 *)(r6 + 48)\nr1 = 1\n*(u32 *)(r6 + 48) = r1\n' +
      'if r0 != 0x806 goto drop\nif r7 != 0 goto drop\nr0 = 20\nexit\ndrop:\nr0 = 0\nexit\n';
    const { fd, socket } = eth0.openPacketSocket();
    const filter = loadAsm(kernel, BPF_PROG_TYPE_SOCKET_FILTER, source);
    expect(kernel.setsockopt(fd, 1, 50, fdBytes(filter))).toBe(0);
    eth0.receive(frame(60, 0x0806));
    eth0.receive(frame(60, 0x0800));
    eth0.receive(frame(64, 0x0806));
    expect(socket.frames.map(({ data, lenBytes }) => [data.length, lenBytes])).toEqual([
      [20, 60],
      [20, 64],
    ]);
    expect(kernel.setsockopt(fd, 1, 27, fdBytes(0))).toBe(0);
    expect(kernel.setsockopt(fd, 1, 27, fdBytes(0))).toBe(-ENOENT);
    eth0.receive(frame(60, 0x0800));
    expect(socket.frames.at(-1)?.data.length).toBe(60);
    kernel.close(fd);
  });

  it('refuse what is no socket filter', () => {
    const { fd } = eth0.openPacketSocket();
    const xdp = loadAsm(kernel, BPF_PROG_TYPE_XDP, 'r0 = 2\nexit\n');
    expect(kernel.setsockopt(fd, 1, 50, fdBytes(xdp))).toBe(-EINVAL);
    expect(kernel.setsockopt(fd, 1, 50, fdBytes(999))).toBe(-EBADF);
    expect(kernel.setsockopt(fd, 1, 50, new Uint8Array(3))).toBe(-EINVAL);
    expect(kernel.setsockopt(999, 1, 50, fdBytes(xdp))).toBe(-EBADF);
    expect(kernel.setsockopt(fd, 1, 12345, fdBytes(xdp))).toBe(-ENOSYS);
    kernel.close(fd);
  });
});
