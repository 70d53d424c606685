// SPDX-License-Identifier: MIT
// Options of IP.
import { createTestKernel } from '@tsbpf/testkit';
import { EINVAL, ENOPROTOOPT, EPERM } from '@tsbpf/uapi';
import { readField } from '@tsbpf/net';
import { expect, test } from 'vitest';
import { cgroupsOf } from '../cgroups.ts';
import type { SimSocket } from '../socket/socket.ts';

function socketOf(type: number, caps?: readonly number[]): SimSocket {
  const kernel = createTestKernel();
  const cgroups = cgroupsOf(kernel);
  kernel.cgroups = cgroups;
  const task = cgroups.spawn(caps === undefined ? {} : { uid: 1000, caps });
  return task.socket({ family: 2, type }) as SimSocket;
}

const get = (socket: SimSocket, optname: number): number => {
  const { ret, optval } = socket.getsockopt(0, optname, 4);
  return ret < 0 ? ret : new DataView(optval.buffer).getInt32(0, true);
};

test('TCP keeps the two ECN bits of IP_TOS to itself, UDP does not; the priority follows', () => {
  const [tcp, udp] = [socketOf(1), socketOf(2)];
  const set = (socket: SimSocket, tos: number): number[] => {
    expect(socket.setsockopt(0, 1, Uint8Array.of(tos))).toBe(0);
    return [get(socket, 1), readField(socket.kernel, socket.sk.off, 'sock.sk_priority')];
  };
  expect([set(tcp, 0x13), set(udp, 0x13)]).toEqual([
    [0x10, 6],
    [0x13, 6],
  ]);
  expect([0x08, 0x18, 0x00, 0xe0].map((tos) => set(udp, tos))).toEqual([
    [0x08, 2],
    [0x18, 4],
    [0x00, 0],
    [0xe0, 0],
  ]);
  const { optlen, optval } = udp.getsockopt(0, 1, 1);
  expect([optlen, ...optval]).toEqual([1, 0xe0]);
});

test('bounds and capabilities', () => {
  const socket = socketOf(2, []);
  expect([5, 6, -1].map((value) => socket.setsockopt(0, 10, value))).toEqual([0, -EINVAL, -EINVAL]);
  expect([255, 256].map((value) => socket.setsockopt(0, 21, value))).toEqual([0, -EINVAL]);
  expect([socket.setsockopt(0, 19, 1), socket.setsockopt(0, 19, 0)]).toEqual([-EPERM, 0]);
  expect(socketOf(2, [13]).setsockopt(0, 19, 1)).toBe(0);
});

test('numbers that no option of IP has', () => {
  const socket = socketOf(1);
  for (const optname of [0, 26, 51, 123, 456]) {
    expect([socket.setsockopt(0, optname, 1), get(socket, optname)]).toEqual([-ENOPROTOOPT, -ENOPROTOOPT]);
  }
  expect(() => socket.setsockopt(0, 35, 1)).toThrow('socket option 35 of level 0 is not simulated');
});
