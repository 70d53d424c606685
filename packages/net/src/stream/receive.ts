// SPDX-License-Identifier: MIT
// A socket reads: what socket maps put there first, then what arrived. @see net/ipv4/tcp_bpf.c, tcp_bpf_recvmsg
import { EAGAIN } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { RCV_SHUTDOWN, shutdownOf } from '../sock/shutdown.ts';
import { isParsing, psockOf } from '../sockmap/psock.ts';
import { streamRule } from './rules.ts';
import { streamsOf, type StreamEnd } from './state.ts';

/** Takes up to `lenBytes` out of a queue of pieces. */
function takeFrom(end: StreamEnd, lenBytes: number): Uint8Array {
  const out: number[] = [];
  const fromIngress = end.ingress.length > 0;
  while (out.length < lenBytes) {
    const room = lenBytes - out.length;
    if (fromIngress) {
      const [first] = end.ingress;
      if (first === undefined) break;
      for (const byte of first.subarray(0, room)) out.push(byte);
      if (room < first.length) end.ingress[0] = first.subarray(room);
      else end.ingress.shift();
      continue;
    }
    const [first] = end.received;
    if (first === undefined) break;
    for (const byte of first.bytes.subarray(first.eaten, first.eaten + room)) out.push(byte);
    const taken = Math.min(room, first.bytes.length - first.eaten);
    first.eaten += taken;
    end.carrier?.taken(taken);
    if (first.eaten === first.bytes.length) end.received.shift();
  }
  // The end of the stream goes with the last bytes.
  if (!fromIngress && end.received.length === 0) end.fin = false;
  return Uint8Array.from(out);
}

/** Whether a reader finds bytes. */
function isReadable(kernel: KernelServices, end: StreamEnd): boolean {
  if (end.ingress.length > 0) return true;
  const unparsed = isParsing(kernel, end.sk) && !streamRule(kernel, 'reader-takes-unparsed');
  return end.received.length > 0 && !unparsed;
}

/** Whether this end receives no more: the other one said so, this one did, or the connection is over. */
function receivesNoMore(kernel: KernelServices, end: StreamEnd): boolean {
  return end.ended || (shutdownOf(kernel, end.sk) & RCV_SHUTDOWN) !== 0;
}

/**
 * What a reader finds that does not wait: bytes, or -EAGAIN where the socket is in a map, which says no more of how the
 * connection is. Undefined: TCP says. @see tcp_bpf_wait_data
 */
export function readStream(kernel: KernelServices, end: StreamEnd, lenBytes: number): Uint8Array | number | undefined {
  if (isReadable(kernel, end)) return takeFrom(end, lenBytes);
  if (psockOf(kernel, end.sk) === 0) return undefined;
  if (isParsing(kernel, end.sk) && !streamRule(kernel, 'parser-hides-errors')) {
    return end.received.length > 0 ? -EAGAIN : undefined;
  }
  if (!streamRule(kernel, 'reader-misses-end')) return receivesNoMore(kernel, end) ? undefined : -EAGAIN;
  if (!end.fin || end.received.length > 0) return -EAGAIN;
  end.fin = false;
  return new Uint8Array(0);
}

/**
 * Reads up to `lenBytes`, without waiting; no bytes mean that the stream has ended.
 * @errno EAGAIN nothing is there yet @errno ECONNRESET and others that happened to the connection
 */
export function receiveStream(kernel: KernelServices, sk: number, lenBytes: number): Uint8Array | number {
  const end = streamsOf(kernel).ends.get(sk);
  if (end === undefined) return new Uint8Array(0);
  const found = readStream(kernel, end, lenBytes);
  if (found !== undefined) return found;
  if (end.ended) return new Uint8Array(0);
  if (end.err !== 0) {
    const { err } = end;
    end.err = 0;
    return -err;
  }
  return receivesNoMore(kernel, end) ? new Uint8Array(0) : -EAGAIN;
}
