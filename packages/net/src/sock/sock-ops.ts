// SPDX-License-Identifier: MIT
// Events of TCP sockets, told to the sock_ops programs of the socket's cgroup. Whoever simulates TCP calls these where
// Linux calls tcp_call_bpf; without programs they cost one look at the cgroup. @see include/net/tcp.h, tcp_call_bpf
//
// A TCP in this package does, for a socket at offset `sk` of kernel memory (a `struct tcp_sock`, or a request_sock whose
// state is TCP_NEW_SYN_RECV and whose skc_listener is set):
//
//   setTcpState(kernel, sk, TCP_SYN_SENT);            state changes, with the event where a program asked for it
//   const rto = initialRto(kernel, sk, tcpTimeoutInit);
//   callSockOps(kernel, sk, SOCK_OPS_ACTIVE_ESTABLISHED_CB);
//   tellRoundTrip(kernel, sk);                        at each measured round trip
//   tellRetransmit(kernel, sk, { seq, segs, err });   at each retransmission
//   tellTimeout(kernel, sk, { retransmits, rto, expired });
//
// Which cgroup a socket is in is its `sk_cgrp_data`; one that was never put anywhere is in the root.
import { BPF_CGROUP_SOCK_OPS, ENOMEM, UsageError } from '@tsbpf/uapi';
import type { KernelObject, KernelServices } from '@tsbpf/core';
import { readField, writeField, writePointerField } from '../dev/fields.ts';
import { readPointer } from '../dev/pointer.ts';
import { isFullSock, TCP_NEW_SYN_RECV } from './sock.ts';

/** @see include/uapi/linux/bpf.h, BPF_SOCK_OPS_VOID and those after it */
export const SOCK_OPS_TIMEOUT_INIT = 1;
export const SOCK_OPS_RWND_INIT = 2;
export const SOCK_OPS_TCP_CONNECT_CB = 3;
export const SOCK_OPS_ACTIVE_ESTABLISHED_CB = 4;
export const SOCK_OPS_PASSIVE_ESTABLISHED_CB = 5;
export const SOCK_OPS_NEEDS_ECN = 6;
export const SOCK_OPS_BASE_RTT = 7;
export const SOCK_OPS_RTO_CB = 8;
export const SOCK_OPS_RETRANS_CB = 9;
export const SOCK_OPS_STATE_CB = 10;
export const SOCK_OPS_TCP_LISTEN_CB = 11;
export const SOCK_OPS_RTT_CB = 12;

/** Bits of `tcp_sock.bpf_sock_ops_cb_flags`, which turn events on. */
export const SOCK_OPS_RTO_CB_FLAG = 1;
export const SOCK_OPS_RETRANS_CB_FLAG = 2;
export const SOCK_OPS_STATE_CB_FLAG = 4;
export const SOCK_OPS_RTT_CB_FLAG = 8;
export const SOCK_OPS_ALL_CB_FLAGS = 0xf;

const CB_FLAGS = 'tcp_sock.bpf_sock_ops_cb_flags';

/** The socket whose cgroup counts: that of a request is its listener's; 0 for one in time-wait. */
function owningSock(kernel: KernelServices, sk: number): number {
  const requested = readField(kernel, sk, 'sock_common.skc_state') === TCP_NEW_SYN_RECV;
  const full = requested ? readPointer(kernel.mem, sk + kernel.types.resolve('sock_common.skc_listener').off) : sk;
  return full !== 0 && isFullSock(kernel, full) ? full : 0;
}

/** The id of a full socket's cgroup; the root's where it was put into none. */
export function cgroupIdOfSock(kernel: KernelServices, sk: number): bigint {
  const at = readPointer(kernel.mem, sk + kernel.types.resolve('sock.sk_cgrp_data').off);
  const cgroup = kernel.objects.get<KernelObject & { readonly id: bigint }>(at, 'cgroup');
  return cgroup?.id ?? kernel.cgroups.ancestorId(kernel.cgroups.currentCgroupId(), 0);
}

/**
 * Tells the sock_ops programs of a socket's cgroup of an event, with up to four arguments. The result is their reply,
 * signed: the first argument (0 without any) where none set one, -1 where one returned 0.
 * @errno ENOMEM UsageError: kernel memory is exhausted
 */
export function callSockOps(kernel: KernelServices, sk: number, op: number, args: readonly number[] = []): number {
  const unasked = (args[0] ?? 0) | 0;
  const owner = owningSock(kernel, sk);
  if (owner === 0) return unasked;
  const cgroupId = cgroupIdOfSock(kernel, owner);
  if (!kernel.cgroups.enabled(cgroupId, BPF_CGROUP_SOCK_OPS)) return unasked;
  const { mem, types } = kernel;
  const ctx = mem.alloc(types.sizeOf('bpf_sock_ops_kern'), { kind: 'ctx', name: 'bpf_sock_ops_kern' });
  if (ctx === 0) throw new UsageError('kernel memory is exhausted: no room for a TCP event', { errno: ENOMEM });
  try {
    writePointerField(kernel, ctx, 'bpf_sock_ops_kern.sk', sk);
    writeField(kernel, ctx, 'bpf_sock_ops_kern.op', op);
    args.slice(0, 4).forEach((arg, i) => writeField(kernel, ctx, `bpf_sock_ops_kern.args[${i}]`, arg));
    writeField(kernel, ctx, 'bpf_sock_ops_kern.is_fullsock', isFullSock(kernel, sk) ? 1 : 0);
    const allowed = kernel.cgroups.run(cgroupId, BPF_CGROUP_SOCK_OPS, ctx) === 1;
    return allowed ? readField(kernel, ctx, 'bpf_sock_ops_kern.reply') | 0 : -1;
  } finally {
    mem.free(ctx);
  }
}

/** Whether a program asked for the events that a flag turns on. */
export function sockOpsAsked(kernel: KernelServices, sk: number, flag: number): boolean {
  return isFullSock(kernel, sk) && (readField(kernel, sk, CB_FLAGS) & flag) !== 0;
}

/** Changes a TCP socket's state, and tells of it where a program asked to be told. @see net/ipv4/tcp.c, tcp_set_state */
export function setTcpState(kernel: KernelServices, sk: number, state: number): void {
  if (sockOpsAsked(kernel, sk, SOCK_OPS_STATE_CB_FLAG)) {
    callSockOps(kernel, sk, SOCK_OPS_STATE_CB, [readField(kernel, sk, 'sock_common.skc_state'), state]);
  }
  writeField(kernel, sk, 'sock_common.skc_state', state);
}

/** A round trip was measured. @see include/net/tcp.h, tcp_bpf_rtt */
export function tellRoundTrip(kernel: KernelServices, sk: number): void {
  if (sockOpsAsked(kernel, sk, SOCK_OPS_RTT_CB_FLAG)) callSockOps(kernel, sk, SOCK_OPS_RTT_CB);
}

/** Segments were sent again; `err` is what sending them answered. @see net/ipv4/tcp_output.c, __tcp_retransmit_skb */
export function tellRetransmit(
  kernel: KernelServices,
  sk: number,
  what: { readonly seq: number; readonly segs: number; readonly err: number },
): void {
  if (sockOpsAsked(kernel, sk, SOCK_OPS_RETRANS_CB_FLAG)) {
    callSockOps(kernel, sk, SOCK_OPS_RETRANS_CB, [what.seq, what.segs, what.err]);
  }
}

/** The retransmission timer went off. `rto` in jiffies. @see net/ipv4/tcp_timer.c, tcp_write_timeout */
export function tellTimeout(
  kernel: KernelServices,
  sk: number,
  what: { readonly retransmits: number; readonly rto: number; readonly expired: boolean },
): void {
  if (sockOpsAsked(kernel, sk, SOCK_OPS_RTO_CB_FLAG)) {
    callSockOps(kernel, sk, SOCK_OPS_RTO_CB, [what.retransmits, what.rto, what.expired ? 1 : 0]);
  }
}

/** The first retransmission timeout, in jiffies: what programs say, or `initial`. @see include/net/tcp.h, tcp_timeout_init */
export function initialRto(kernel: KernelServices, sk: number, initial: number): number {
  const said = callSockOps(kernel, sk, SOCK_OPS_TIMEOUT_INIT);
  return said <= 0 ? initial : said;
}

/** The first receive window in packets that programs want; 0 leaves it to TCP. @see tcp_rwnd_init_bpf */
export function initialRwnd(kernel: KernelServices, sk: number): number {
  return Math.max(0, callSockOps(kernel, sk, SOCK_OPS_RWND_INIT));
}

/** Whether programs want ECN for a connection. @see tcp_bpf_ca_needs_ecn */
export function needsEcn(kernel: KernelServices, sk: number): boolean {
  return callSockOps(kernel, sk, SOCK_OPS_NEEDS_ECN) === 1;
}
