// SPDX-License-Identifier: MIT
// Segments between two sockets of this machine: past the packet programs of both ends, again where one drops them.
// @see net/ipv4/tcp_output.c, __tcp_transmit_skb; net/ipv4/tcp_timer.c, tcp_retransmit_timer
import { buildPacket, formatIpv4, formatIpv6 } from '@tsbpf/capture';
import { readField, tellRetransmit, tellTimeout, writeField } from '@tsbpf/net';
import { isV4Mapped } from './address.ts';
import { NET_XMIT_CN, runSkbHook } from './skb-hook.ts';
import type { Endpoint, SimSocket } from './socket.ts';

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
const TCP_ECE_CWR = 0xc0;
const RTO_MAX_SECONDS = 120;

/** What one segment carries. */
export interface Segment {
  readonly flags: number;
  readonly data?: Uint8Array;
  /** The SYN that asks for ECN. */
  readonly ecn?: boolean;
}

const TIMESTAMPS = [{ kind: 1 }, { kind: 1 }, { kind: 8, data: new Uint8Array(8) }] as const;
const [V4_MSS, V6_MSS] = [65495, 65475];

const field = (socket: SimSocket, path: string): number => readField(socket.kernel, socket.sk.off, path);

/** Adds to a counter of 32 bits. */
export function count(socket: SimSocket, path: string, by: number): void {
  writeField(socket.kernel, socket.sk.off, path, (field(socket, path) + by) >>> 0);
}

/** The bytes of a segment, from the IP header on. */
export function segmentBytes(
  from: SimSocket,
  ends: { local: Endpoint; remote: Endpoint },
  segment: Segment,
): Uint8Array {
  const { local, remote } = ends;
  const v4 = remote.ip.length === 4 || isV4Mapped(remote.ip);
  const syn = (segment.flags & TCP_SYN) !== 0;
  const mss = v4 ? V4_MSS : V6_MSS;
  const options = syn
    ? [
        { kind: 2, data: Uint8Array.of(mss >> 8, mss & 255) },
        { kind: 4, data: new Uint8Array(0) },
        { kind: 8, data: new Uint8Array(8) },
        { kind: 1 },
        { kind: 3, data: Uint8Array.of(7) },
      ]
    : TIMESTAMPS;
  const tcp = {
    type: 'tcp',
    srcPort: local.port,
    dstPort: remote.port,
    seq: field(from, 'tcp_sock.snd_nxt'),
    ack: (segment.flags & TCP_ACK) === 0 ? 0 : field(from, 'tcp_sock.rcv_nxt'),
    flags: segment.flags | (segment.ecn === true ? TCP_ECE_CWR : 0),
    window: 65535,
    optionBytes: optionBytes(options),
  } as const;
  const data = segment.data ?? new Uint8Array(0);
  if (v4) {
    const [src, dst] = [formatIpv4(local.ip.subarray(-4)), formatIpv4(remote.ip.subarray(-4))];
    return buildPacket([{ type: 'ipv4', src, dst, ttl: 64 }, tcp], data);
  }
  return buildPacket(
    [{ type: 'ipv6', src: formatIpv6(local.ip), dst: formatIpv6(remote.ip), hopLimit: 64 }, tcp],
    data,
  );
}

function optionBytes(options: readonly { readonly kind: number; readonly data?: Uint8Array }[]): Uint8Array {
  return Uint8Array.from(
    options.flatMap(({ kind, data }) => (data === undefined ? [kind] : [kind, data.length + 2, ...data])),
  );
}

/** One attempt: `sent` is what sending answered (0, or what is wrong), `arrived` whether the other end took it. */
export interface Attempt {
  readonly sent: number;
  readonly arrived: boolean;
}

/** Sends bytes past the programs of the sender's cgroup: 0, or what is wrong. */
export function emit(from: SimSocket, packet: Uint8Array): number {
  count(from, 'tcp_sock.segs_out', 1);
  const verdict = runSkbHook(from, packet, 'egress');
  return verdict === NET_XMIT_CN ? 0 : verdict;
}

/** Sends bytes once, past the programs of both ends. */
export function sendOnce(from: SimSocket, to: SimSocket, packet: Uint8Array): Attempt {
  const sent = emit(from, packet);
  // Programs are not asked where there is no socket any more.
  return { sent, arrived: sent === 0 && (to.gone || runSkbHook(to, packet, 'ingress') === 0) };
}

/**
 * Tries until an attempt arrives, or the retransmission timer has gone off `limit` times: whether it arrived. Programs
 * that asked for it are told of timeouts and retransmissions.
 */
export function persist(socket: SimSocket, limit: number, attempt: () => Attempt): boolean {
  const { kernel, sk } = socket;
  const seq = field(socket, 'tcp_sock.snd_nxt');
  let rto = field(socket, 'inet_connection_sock.icsk_rto');
  for (let retransmits = 0, once = attempt(); !once.arrived; retransmits++) {
    writeField(kernel, sk.off, 'inet_connection_sock.icsk_retransmits', retransmits);
    const expired = retransmits >= limit;
    tellTimeout(kernel, sk.off, { retransmits, rto, expired });
    if (expired) return false;
    once = attempt();
    count(socket, 'tcp_sock.total_retrans', 1);
    tellRetransmit(kernel, sk.off, { seq, segs: 1, err: once.sent });
    rto = Math.min(rto * 2, RTO_MAX_SECONDS * kernel.env.hz);
  }
  writeField(kernel, sk.off, 'inet_connection_sock.icsk_retransmits', 0);
  return true;
}
