// SPDX-License-Identifier: MIT
// A socket sends: through the message program of its map, if it has one. @see net/ipv4/tcp_bpf.c, tcp_bpf_sendmsg
import { ENOMEM, EPIPE } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { programOfSock } from '../sockmap/psock.ts';
import { pushBytes } from './deliver.ts';
import { sendVerdict } from './msg-verdict.ts';
import { allocPage, getPage, PAGE_FRAG_SIZE, putPage } from './page.ts';
import { MAX_MSG_FRAGS, SkMsg } from './sk-msg.ts';
import { streamRule } from './rules.ts';
import { runWorkers } from './workers.ts';
import { streamsOf, type StreamEnd } from './state.ts';

/** A page with fewer free bytes is not begun with. */
const LEAST_ROOM = 32;

/** Makes sure that the page senders carve from has room; false when memory is exhausted. */
function refill(kernel: KernelServices): boolean {
  const { frag } = streamsOf(kernel);
  if (frag.page !== 0 && frag.used + LEAST_ROOM <= PAGE_FRAG_SIZE) return true;
  const page = allocPage(kernel.mem, PAGE_FRAG_SIZE);
  if (page === 0) return false;
  if (frag.page !== 0) putPage(kernel.mem, frag.page);
  Object.assign(frag, { page, used: 0 });
  return true;
}

/** Appends bytes to a message, as far as its elements go: how many, or -ENOMEM. @see sk_msg_alloc */
function append(kernel: KernelServices, msg: SkMsg, bytes: Uint8Array): number {
  const { frag } = streamsOf(kernel);
  let done = 0;
  while (done < bytes.length) {
    if (!refill(kernel)) return -ENOMEM;
    const { elems } = msg;
    const use = Math.min(bytes.length - done, PAGE_FRAG_SIZE - frag.used);
    const last = elems.at(-1);
    if (last !== undefined && last.page === frag.page && last.offset + last.length === frag.used) {
      last.length += use;
    } else {
      if (elems.length === MAX_MSG_FRAGS) break;
      getPage(kernel.mem, frag.page);
      elems.push({ page: frag.page, offset: frag.used, length: use });
    }
    kernel.mem.writeBytes(
      SkMsg.bytesAt({ page: frag.page, offset: frag.used, length: use }),
      bytes.subarray(done, done + use),
    );
    msg.elems = elems;
    msg.size += use;
    frag.used += use;
    done += use;
  }
  return done;
}

/** The error of a socket stays until somebody reads it, but for a broken pipe. @see sk_stream_error */
function sendError(end: StreamEnd): number {
  const { err } = end;
  if (err === EPIPE) end.err = 0;
  return -err;
}

/** Programs are asked even where this end sends no more: they may send elsewhere. */
function sendThroughProgram(kernel: KernelServices, end: StreamEnd, bytes: Uint8Array): number {
  let copied = 0;
  let at = 0;
  while (at < bytes.length) {
    if (end.err !== 0) return copied === 0 ? sendError(end) : copied;
    const own = end.cork === 0 ? SkMsg.alloc(kernel) : undefined;
    const msg = own ?? (end.cork === 0 ? undefined : new SkMsg(kernel, end.cork));
    if (msg === undefined) return -ENOMEM;
    const wanted = bytes.length - at;
    const appended = append(kernel, msg, bytes.subarray(at));
    if (appended < 0) {
      own?.free();
      return copied === 0 ? appended : copied;
    }
    at += appended;
    copied += appended;
    if (end.corkBytes > 0) {
      // What the whole call brings counts, however much of it there was room for.
      end.corkBytes = Math.max(0, end.corkBytes - bytes.length);
      if (end.corkBytes > 0 && appended === wanted) return copied;
      end.verdict = 'none';
      end.corkBytes = 0;
    }
    const { err, uncounted } = sendVerdict(kernel, end, msg);
    copied -= uncounted;
    if (own !== undefined && end.cork !== own.off) own.free();
    // Linux v5.6 answers a count below zero where a message that was gathered is dropped.
    if (err < 0) return copied > 0 || (copied < 0 && streamRule(kernel, 'negative-count')) ? copied : err;
  }
  return copied;
}

function sendOut(kernel: KernelServices, end: StreamEnd, bytes: Uint8Array): number {
  const programmed = programOfSock(kernel, end.sk, 'msgVerdict') !== undefined;
  return programmed ? sendThroughProgram(kernel, end, bytes) : pushBytes(kernel, end.sk, bytes);
}

/**
 * Sends bytes: the count, or -errno. A program that drops a message gathered over several calls makes Linux v5.6 answer
 * a negative count.
 * @errno EACCES the program dropped them
 * @errno EPIPE this end sends no more @errno ECONNRESET
 */
export function sendStream(kernel: KernelServices, sk: number, bytes: Uint8Array): number {
  const end = streamsOf(kernel).ends.get(sk);
  if (end === undefined) return -EPIPE;
  kernel.rcu.enter();
  try {
    return sendOut(kernel, end, bytes);
  } finally {
    runWorkers(kernel, (to, handed) => {
      const target = streamsOf(kernel).ends.get(to);
      const unjudged = target === undefined || streamRule(kernel, 'handed-on-unjudged');
      return unjudged ? pushBytes(kernel, to, handed) : sendOut(kernel, target, handed);
    });
    kernel.rcu.exit();
  }
}
