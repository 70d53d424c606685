// SPDX-License-Identifier: MIT
// Bytes cross from one end of a stream to the other. @see net/ipv4/tcp_input.c, tcp_data_queue
import { ECONNRESET, EPIPE } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { writeField } from '../dev/fields.ts';
import { RCV_SHUTDOWN, SEND_SHUTDOWN, shutDirections } from '../sock/shutdown.ts';
import { TCP_CLOSE } from '../sock/sock.ts';
import { disconnectedFromSockMaps, isParsing, leaveSockMaps } from '../sockmap/psock.ts';
import { parserLooks, parseStream } from './strparser.ts';
import { streamsOf, type StreamEnd } from './state.ts';

/** @see include/net/tcp_states.h */
const [TCP_FIN_WAIT2, TCP_CLOSE_WAIT] = [5, 8];

/** The most bytes that arrive together: what a segment on the loopback device holds. */
export const MAX_SEGMENT = 65483;

function moveTo(kernel: KernelServices, end: StreamEnd, state: number): void {
  writeField(kernel, end.sk, 'sock_common.skc_state', state);
}

/** The connection is over at this end. @see tcp_done */
function finish(kernel: KernelServices, end: StreamEnd): void {
  moveTo(kernel, end, TCP_CLOSE);
  shutDirections(kernel, end.sk, RCV_SHUTDOWN | SEND_SHUTDOWN);
  disconnectedFromSockMaps(kernel, end.sk);
}

/** The connection is broken: the socket says `err` once, and leaves its maps. @see tcp_reset */
function reset(kernel: KernelServices, end: StreamEnd, err: number): void {
  end.err = err;
  end.shut = true;
  end.peer = 0;
  finish(kernel, end);
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

/** Bytes reach an end: through its stream parser if it has one. */
export function arrive(kernel: KernelServices, end: StreamEnd, bytes: Uint8Array): void {
  queue(end, bytes);
  if (isParsing(kernel, end.sk)) parseStream(kernel, end);
}

/** The other end sends no more: that comes behind all bytes. A stream parser takes it with them. @see tcp_fin */
export function arriveFin(kernel: KernelServices, end: StreamEnd): void {
  end.ended = true;
  end.fin = true;
  shutDirections(kernel, end.sk, RCV_SHUTDOWN);
  if (!isParsing(kernel, end.sk) || !parserLooks(end)) return;
  parseStream(kernel, end);
  end.fin = end.received.length > 0;
}

/**
 * Sends bytes past all programs of this end: they arrive at the other one.
 * The count, or -errno.
 * @errno EPIPE this end sends no more @errno ECONNRESET the other end was closed with bytes unread
 */
export function pushBytes(kernel: KernelServices, sk: number, bytes: Uint8Array): number {
  const streams = streamsOf(kernel);
  const end = streams.ends.get(sk);
  if (end === undefined) return -EPIPE;
  if (end.carrier !== undefined) return end.carrier.push(bytes);
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
    arrive(kernel, peer, bytes.slice(at, at + MAX_SEGMENT));
  }
  return bytes.length;
}

/** The other end, which is there or has gone, sends no more; where this one does not either, the connection is over. */
function takeFin(kernel: KernelServices, end: StreamEnd): void {
  arriveFin(kernel, end);
  if (end.shut) finish(kernel, end);
  else moveTo(kernel, end, TCP_CLOSE_WAIT);
}

/** This end sends no more: the other one reads up to here. @see tcp_shutdown */
export function shutStream(kernel: KernelServices, sk: number): void {
  const streams = streamsOf(kernel);
  const end = streams.ends.get(sk);
  if (end === undefined || end.shut) return;
  end.shut = true;
  shutDirections(kernel, sk, SEND_SHUTDOWN);
  const peer = streams.ends.get(end.peer);
  if (peer !== undefined) takeFin(kernel, peer);
  if (end.ended) finish(kernel, end);
  else moveTo(kernel, end, TCP_FIN_WAIT2);
}

/** The end goes. Bytes that it has not read break the connection; otherwise the other end reads on to the end. */
export function endStream(kernel: KernelServices, sk: number): void {
  const streams = streamsOf(kernel);
  const end = streams.ends.get(sk);
  if (end === undefined) return;
  leaveSockMaps(kernel, sk);
  streams.ends.delete(sk);
  const peer = streams.ends.get(end.peer);
  if (peer === undefined) return;
  peer.peer = 0;
  if (end.received.length > 0) reset(kernel, peer, ECONNRESET);
  else if (!end.shut) takeFin(kernel, peer);
}
