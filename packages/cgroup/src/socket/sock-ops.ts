// SPDX-License-Identifier: MIT
// Events of a simulated task's TCP sockets; what they are is `net`'s. @see include/net/tcp.h, tcp_call_bpf
import { callSockOps as callPrograms } from '@tsbpf/net';
import type { SimSocket } from './socket.ts';

/**
 * Tells the programs of a socket's cgroup of an event. The result is their reply: the first argument where none set
 * one, -1 where one returned 0.
 */
export function callSockOps(socket: SimSocket, op: number, args: readonly number[] = []): number {
  return callPrograms(socket.kernel, socket.sk.off, op, args);
}
