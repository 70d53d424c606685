// SPDX-License-Identifier: MIT
// A message of a stream is judged, and goes where the program sends it. @see net/core/skmsg.c, sk_psock_strp_read
import { SK_PASS } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { programOfSock, psockOf } from '../sockmap/psock.ts';
import { streamRule } from './rules.ts';
import { streamsOf, type ParserState, type StreamEnd } from './state.ts';
import { redirectPlace, skbOfParts } from './stream-skb.ts';

/** The flag of redirects into what the socket reads. */
export const BPF_F_INGRESS = 1;

/**
 * Asks the verdict program about a message. Linux v5.6 hands on all bytes of the sk_buffs that a message touches, not
 * those of the message alone: where a parser cuts an sk_buff into several messages, each brings the whole.
 */
export function judgeMessage(kernel: KernelServices, end: StreamEnd, message: ParserState): void {
  const { parts } = message;
  const prog = programOfSock(kernel, end.sk, 'skbVerdict');
  // Without a program nothing passes: the socket is about to leave its map.
  if (prog === undefined) return;
  const skb = skbOfParts(kernel, end.sk, parts);
  if (skb === undefined) return;
  const place = redirectPlace(kernel, skb.off);
  writePointer(kernel.mem, place.sk, 0);
  kernel.mem.write32(place.flags, 0);
  const verdict = kernel.runProg(prog, skb.off);
  const redirect = readPointer(kernel.mem, place.sk);
  const ingress = redirect === 0 || (kernel.mem.read32(place.flags) & BPF_F_INGRESS) !== 0;
  const all = skb.bytes();
  const { offset, fullLen } = message;
  const bytes = streamRule(kernel, 'message-brings-whole-skbs') ? all : all.subarray(offset, offset + fullLen);
  skb.free();
  if (verdict !== SK_PASS) return;
  handOver(kernel, redirect === 0 ? end.sk : redirect, { bytes, ingress });
}

/** Hands bytes to a worker for a socket; lost where that is in no map any more, or had an error. */
export function handOver(kernel: KernelServices, sk: number, what: { bytes: Uint8Array; ingress: boolean }): void {
  const streams = streamsOf(kernel);
  const target = streams.ends.get(sk);
  if (target === undefined || psockOf(kernel, sk) === 0 || !target.txEnabled) return;
  streams.work.push({ sk, ...what });
}
