// SPDX-License-Identifier: MIT
// Bytes cross from one end of a stream to the other. @see net/ipv4/tcp_input.c, tcp_data_queue
import { ECONNRESET, EPIPE } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { writeField } from '../dev/fields.ts';
import { TCP_CLOSE } from '../sock/sock.ts';
import { isParsing, leaveSockMaps } from '../sockmap/psock.ts';
import { parseStream } from './strparser.ts';
import { streamsOf, type StreamEnd } from './state.ts';

/** The most bytes that arrive together: what a segment on the loopback device holds. */
export const MAX_SEGMENT = 65483;

/** The connection is broken: the socket says `err` once, and leaves its maps. @see tcp_reset */
function reset(kernel: KernelServices, end: StreamEnd, err: number): void {
  end.err = err;
  end.shut = true;
  end.ended = true;
  end.peer = 0;
  writeField(kernel, end.sk, 'sock_common.skc_state', TCP_CLOSE);
  leaveSockMaps(kernel, end.sk);
}

/** What arrives while something waits joins it, as long as there is room. @see tcp_try_coalesce */
function queue(end: StreamEnd, bytes: Uint8Array): void {
  const tail = end.received.at(-1);
  if (tail === undefined || tail.bytes.length + bytes.length > MAX_SEGMENT) {
    end.received.push({ bytes, eaten: 0 });
    return;
  }
  const joined = new Uint8Array(tail.bytes.length + bytes.length);
  joined.set(tail.bytes);
  joined.set(bytes, tail.bytes.length);
  end.received[end.received.length - 1] = { bytes: joined, eaten: tail.eaten };
}

/**
 * Sends bytes past all programs of this end: they arrive at the other one, through its stream parser if it has one.
 * The count, or -errno.
 * @errno EPIPE this end sends no more @errno ECONNRESET the other end was closed with bytes unread
 */
export function pushBytes(kernel: KernelServices, sk: number, bytes: Uint8Array): number {
  const streams = streamsOf(kernel);
  const end = streams.ends.get(sk);
  if (end === undefined) return -EPIPE;
  if (end.err !== 0) {
    const { err } = end;
    end.err = 0;
    return -err;
  }
  if (end.shut) return -EPIPE;
  const peer = streams.ends.get(end.peer);
  if (peer === undefined) {
    // Nobody is there any more: the bytes are answered with a reset.
    if (bytes.length > 0) reset(kernel, end, end.ended ? EPIPE : ECONNRESET);
    return bytes.length;
  }
  for (let at = 0; at < bytes.length; at += MAX_SEGMENT) {
    queue(peer, bytes.slice(at, at + MAX_SEGMENT));
    if (isParsing(kernel, peer.sk)) parseStream(kernel, peer);
  }
  return bytes.length;
}

/** The end goes. Bytes that it has not read break the connection; otherwise the other end reads on to the end. */
export function endStream(kernel: KernelServices, sk: number): void {
  const streams = streamsOf(kernel);
  const end = streams.ends.get(sk);
  if (end === undefined) return;
  streams.ends.delete(sk);
  const peer = streams.ends.get(end.peer);
  if (peer === undefined) return;
  peer.peer = 0;
  if (end.received.length > 0) reset(kernel, peer, ECONNRESET);
  else peer.ended = true;
}
