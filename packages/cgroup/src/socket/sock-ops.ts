// SPDX-License-Identifier: MIT
// Events of TCP sockets. @see include/net/tcp.h, tcp_call_bpf
import { BPF_CGROUP_SOCK_OPS } from '@tsbpf/uapi';
import { isFullSock, readField } from '@tsbpf/net';
import { withCallMemory } from '../run/context.ts';
import type { SimSocket } from './socket.ts';

/** @see include/uapi/linux/bpf.h, BPF_SOCK_OPS_VOID and those after it */
export const SOCK_OPS_TIMEOUT_INIT = 1;
export const SOCK_OPS_RWND_INIT = 2;
export const SOCK_OPS_TCP_CONNECT_CB = 3;
export const SOCK_OPS_ACTIVE_ESTABLISHED_CB = 4;
export const SOCK_OPS_PASSIVE_ESTABLISHED_CB = 5;
export const SOCK_OPS_NEEDS_ECN = 6;
export const SOCK_OPS_STATE_CB = 10;
export const SOCK_OPS_TCP_LISTEN_CB = 11;
const SOCK_OPS_RTT_CB = 12;
/** Bits of a socket that turn events on. */
export const SOCK_OPS_ALL_CB_FLAGS = 0xf;
const SOCK_OPS_STATE_CB_FLAG = 4;
const SOCK_OPS_RTT_CB_FLAG = 8;

/**
 * Tells the programs of a socket's cgroup of an event. The result is their reply: the first argument where none set
 * one, -1 where one returned 0.
 */
export function callSockOps(socket: SimSocket, op: number, args: readonly number[] = []): number {
  const { cgroups, cgroup, sk, kernel } = socket;
  if (!cgroups.enabled(cgroup.id, BPF_CGROUP_SOCK_OPS)) return args[0] ?? 0;
  return withCallMemory(kernel, (memory) => {
    const ctx = memory.context('bpf_sock_ops_kern');
    ctx.setPointer('sk', sk.off);
    ctx.setWord('op', op);
    args.forEach((arg, i) => ctx.setWord(`args[${i}]`, arg));
    ctx.setWord('is_fullsock', isFullSock(kernel, sk.off) ? 1 : 0);
    return cgroups.run(cgroup.id, BPF_CGROUP_SOCK_OPS, ctx.off) === 1 ? ctx.word('reply') : -1;
  });
}

function asked(socket: SimSocket, flag: number): boolean {
  return (readField(socket.kernel, socket.sk.off, 'tcp_sock.bpf_sock_ops_cb_flags') & flag) !== 0;
}

/** Tells of a change of state, where a program asked to be told. @see net/ipv4/tcp.c, tcp_set_state */
export function callStateChange(socket: SimSocket, from: number, to: number): void {
  if (asked(socket, SOCK_OPS_STATE_CB_FLAG)) callSockOps(socket, SOCK_OPS_STATE_CB, [from, to]);
}

/** Tells of a round trip that was measured, where a program asked to be told. @see include/net/tcp.h, tcp_bpf_rtt */
export function callRoundTrip(socket: SimSocket): void {
  if (asked(socket, SOCK_OPS_RTT_CB_FLAG)) callSockOps(socket, SOCK_OPS_RTT_CB);
}
