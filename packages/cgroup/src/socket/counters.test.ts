// SPDX-License-Identifier: MIT
// What both ends of a connection count, as a real kernel's TCP_INFO says of the same calls.
import { createTestKernel } from '@tsbpf/testkit';
import { readField } from '@tsbpf/net';
import { expect, test } from 'vitest';
import { cgroupsOf } from '../cgroups.ts';
import type { SimSocket } from './socket.ts';

const WORDS = ['segs_out', 'segs_in', 'data_segs_in', 'data_segs_out', 'delivered'];

function counters({ kernel, sk }: SimSocket): number[] {
  const long = (name: string): number =>
    Number(kernel.mem.read64(sk.off + kernel.types.resolve(`tcp_sock.${name}`).off));
  const words = WORDS.map((name) => readField(kernel, sk.off, `tcp_sock.${name}`));
  return [long('bytes_acked'), long('bytes_received'), ...words];
}

test('a connection, bytes both ways, and a connection after it', () => {
  const kernel = createTestKernel();
  const cgroups = cgroupsOf(kernel);
  kernel.cgroups = cgroups;
  const task = cgroups.spawn();
  const [listener, client] = [1, 2].map(() => task.socket({ family: 2, type: 1 }) as SimSocket) as [
    SimSocket,
    SimSocket,
  ];
  listener.bind({ ip: '127.0.0.1', port: 5000 });
  listener.listen();
  client.connect({ ip: '127.0.0.1', port: 5000 });
  const server = listener.accept() as SimSocket;
  expect([counters(client), counters(server)]).toEqual([
    [1, 0, 2, 1, 0, 0, 1],
    [0, 0, 0, 2, 0, 0, 1],
  ]);
  client.send('a');
  expect([counters(client), counters(server)]).toEqual([
    [2, 0, 3, 2, 0, 1, 2],
    [0, 1, 1, 3, 1, 0, 1],
  ]);
  server.send('0123456789');
  expect([counters(client), counters(server)]).toEqual([
    [2, 10, 4, 3, 1, 1, 2],
    [10, 1, 2, 4, 1, 1, 2],
  ]);
  client.recv();
  expect(client.connect(new Uint8Array(16))).toBe(0);
  expect(counters(client)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  expect(client.connect({ ip: '127.0.0.1', port: 5000 })).toBe(0);
  expect(counters(client)).toEqual([1, 0, 2, 1, 0, 0, 1]);
});
