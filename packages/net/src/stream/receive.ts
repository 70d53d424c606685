// SPDX-License-Identifier: MIT
// A socket reads: what socket maps put there first, then what arrived. @see net/ipv4/tcp_bpf.c, tcp_bpf_recvmsg
import { EAGAIN } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { isParsing } from '../sockmap/psock.ts';
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
    first.eaten += Math.min(room, first.bytes.length - first.eaten);
    if (first.eaten === first.bytes.length) end.received.shift();
  }
  return Uint8Array.from(out);
}

/**
 * Reads up to `lenBytes`, without waiting; no bytes mean that the stream has ended.
 * @errno EAGAIN nothing is there yet @errno ECONNRESET and others that happened to the connection
 */
export function receiveStream(kernel: KernelServices, sk: number, lenBytes: number): Uint8Array | number {
  const end = streamsOf(kernel).ends.get(sk);
  if (end === undefined) return new Uint8Array(0);
  const unparsed = isParsing(kernel, sk) && !streamRule(kernel, 'reader-takes-unparsed');
  if (end.ingress.length > 0 || (end.received.length > 0 && !unparsed)) return takeFrom(end, lenBytes);
  if (end.err !== 0) {
    const { err } = end;
    end.err = 0;
    return -err;
  }
  return end.ended ? new Uint8Array(0) : -EAGAIN;
}
