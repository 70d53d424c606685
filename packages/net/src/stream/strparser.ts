// SPDX-License-Identifier: MIT
// Cutting a stream into messages, as a program says. @see net/strparser/strparser.c, __strp_recv
import { EMSGSIZE, EPROTO } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { programOfSock } from '../sockmap/psock.ts';
import type { ParserState, StreamEnd } from './state.ts';
import { judgeMessage } from './skb-verdict.ts';
import { skbOfParts } from './stream-skb.ts';

/** No message is longer than what a socket may keep: net.ipv4.tcp_rmem's default. */
const MAX_MESSAGE = 131072;

/** Runs a program of the socket over an sk_buff made of parts. The result is signed; 0 without memory. */
function askParser(kernel: KernelServices, sk: number, parts: readonly Uint8Array[]): number {
  const prog: BpfProg | undefined = programOfSock(kernel, sk, 'skbParser');
  if (prog === undefined) return parts.reduce((sum, part) => sum + part.length, 0);
  const skb = skbOfParts(kernel, sk, parts);
  if (skb === undefined) return 0;
  const result = kernel.runProg(prog, skb.off) | 0;
  skb.free();
  return result;
}

const total = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

/** The parser gives up on this stream: what it has is lost, the rest stays for readers. */
function giveUp(end: StreamEnd, err: number): void {
  end.message = undefined;
  end.needBytes = 0;
  end.parserStopped = true;
  end.err = err;
}

/**
 * Looks at bytes that arrived together from `from` on, cuts messages out of them and has them judged. How many of the
 * bytes it took: those of a message that is not whole belong to it, those it gave up at stay.
 */
function take(kernel: KernelServices, end: StreamEnd, bytes: Uint8Array, from: number): number {
  const given = bytes.length - from;
  let eaten = 0;
  while (eaten < given && !end.parserStopped) {
    const left = given - eaten;
    const before = end.message;
    // A message in progress goes on with the bytes alone; one that begins here keeps what lies before it, too.
    const part = before === undefined || from + eaten === 0 ? bytes : bytes.subarray(from + eaten);
    const started: ParserState = before ?? { parts: [], offset: from + eaten, gathered: 0, fullLen: 0 };
    let message: ParserState = { ...started, parts: [...started.parts, part] };
    if (message.fullLen === 0) {
      const fullLen = askParser(kernel, end.sk, message.parts);
      if (fullLen === 0) {
        end.message = { ...message, gathered: message.gathered + left };
        return given;
      }
      const tooShort = fullLen <= total(started.parts) - started.offset;
      const err = fullLen < 0 ? -fullLen : fullLen > MAX_MESSAGE ? EMSGSIZE : tooShort ? EPROTO : 0;
      if (err !== 0) {
        giveUp(end, err);
        return eaten;
      }
      message = { ...message, fullLen };
    }
    const extra = message.gathered + left - message.fullLen;
    if (extra < 0) {
      end.message = { ...message, gathered: message.gathered + left };
      return given;
    }
    eaten += left - extra;
    end.message = undefined;
    end.needBytes = 0;
    judgeMessage(kernel, end, message);
  }
  return eaten;
}

/** Bytes in the receive queue. */
function waiting(end: StreamEnd): number {
  return end.received.reduce((sum, { bytes, eaten }) => sum + bytes.length - eaten, 0);
}

/** Whether the parser looks at what arrives: not before there is as much as it waits for. @see strp_data_ready */
export function parserLooks(end: StreamEnd): boolean {
  return !end.parserStopped && waiting(end) >= end.needBytes;
}

/** The parser looks at all that has arrived. @see strp_read_sock */
export function parseStream(kernel: KernelServices, end: StreamEnd): void {
  if (!parserLooks(end)) return;
  for (let segment; (segment = end.received[0]) !== undefined;) {
    const took = take(kernel, end, segment.bytes, segment.eaten);
    segment.eaten += took;
    end.carrier?.taken(took);
    if (segment.eaten < segment.bytes.length) return;
    end.received.shift();
    const { message } = end;
    const missing = message === undefined || message.fullLen === 0 ? 0 : message.fullLen - message.gathered;
    if (missing > waiting(end)) {
      // The message goes on beyond what is here: nothing is looked at until all of it is.
      end.needBytes = missing;
      return;
    }
  }
}
