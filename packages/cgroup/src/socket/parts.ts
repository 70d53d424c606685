// SPDX-License-Identifier: MIT
// What a socket of a simulated task has besides its structure, and what a TCP one begins with.
// @see net/ipv4/tcp.c, tcp_init_sock
import type { KernelServices } from '@tsbpf/core';
import { readPointer, writeField, writePointerField } from '@tsbpf/net';
import { AF_INET6 } from './address.ts';
import { SOCK_STREAM } from './kinds.ts';

const SAVED_SYN = 'tcp_sock.saved_syn';
const IPV6_PART = 'inet_sock.pinet6';
/** The largest segment of loopback, with timestamps. */
const MSS = 65_483;

/** The congestion window and the rest before there is a connection. */
export function initTcpSock(kernel: KernelServices, sk: number): void {
  const put = (path: string, value: number): void => writeField(kernel, sk, path, value);
  put('inet_connection_sock.icsk_rto', kernel.env.hz);
  put('tcp_sock.mdev_us', 1_000_000);
  put('tcp_sock.snd_cwnd', 10);
  put('tcp_sock.snd_ssthresh', 0x7fffffff);
  put('tcp_sock.snd_cwnd_clamp', 0xffffffff);
  put('tcp_sock.mss_cache', MSS);
  put('tcp_sock.reordering', 3);
  put('tcp_sock.rtt_min.s[0].v', 0xffffffff);
  put('sock.sk_rcvlowat', 1);
  for (const path of ['sock.sk_pacing_rate', 'sock.sk_max_pacing_rate']) {
    kernel.mem.write64(sk + kernel.types.resolve(path).off, 0xffff_ffff_ffff_ffffn);
  }
}

/** The part of an IPv6 socket that others do not have. Without memory it is left out. */
export function initIpv6Part(kernel: KernelServices, sk: number): void {
  const part = kernel.mem.alloc(kernel.types.sizeOf('ipv6_pinfo'), { kind: 'object', name: 'ipv6_pinfo' });
  writePointerField(kernel, sk, IPV6_PART, part);
}

function freeAt(kernel: KernelServices, sk: number, path: string): void {
  const field = kernel.types.tryResolve(path);
  const off = field === undefined ? 0 : readPointer(kernel.mem, sk + field.off);
  if (off !== 0) kernel.mem.free(off);
}

/** Gives back what hangs on a socket. */
export function freeParts(kernel: KernelServices, sk: number, socket: { family: number; type: number }): void {
  if (socket.family === AF_INET6) freeAt(kernel, sk, IPV6_PART);
  if (socket.type === SOCK_STREAM) freeAt(kernel, sk, SAVED_SYN);
}
