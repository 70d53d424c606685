// SPDX-License-Identifier: MIT
// How many connections may wait for accept(2), and how many do, where programs see it.
// @see include/net/sock.h, sk_acceptq_is_full; net/socket.c, __sys_listen
import { readField, writeField } from '@tsbpf/net';
import type { SimSocket } from './socket.ts';

const LENGTH = 'sock.sk_ack_backlog';
const LIMIT = 'sock.sk_max_ack_backlog';

/** What listen(2) is usually given. @see include/linux/socket.h */
export const SOMAXCONN = 4096;

/** Takes what listen(2) was given, in so far as the machine lets it. */
export function limitAcceptQueue(socket: SimSocket, backlog: number): void {
  const most = Number(socket.sysctlNumber('net/core/somaxconn'));
  writeField(socket.kernel, socket.sk.off, LIMIT, Math.min(backlog >>> 0, most));
}

/** Nobody waits. */
export function emptyAcceptQueue({ kernel, sk }: SimSocket): void {
  writeField(kernel, sk.off, LENGTH, 0);
}

/** One more waits, or one less. */
export function countWaiting({ kernel, sk }: SimSocket, by: 1 | -1): void {
  writeField(kernel, sk.off, LENGTH, readField(kernel, sk.off, LENGTH) + by);
}

/** Whether more than the limit wait: one more than it says do. */
export function acceptQueueFull({ kernel, sk }: SimSocket): boolean {
  return readField(kernel, sk.off, LENGTH) > readField(kernel, sk.off, LIMIT);
}
