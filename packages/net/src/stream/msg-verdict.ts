// SPDX-License-Identifier: MIT
// What a message program says of bytes about to be sent, carried out. @see net/ipv4/tcp_bpf.c, tcp_bpf_send_verdict
import { EACCES, SK_PASS } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { programOfSock, psockOf } from '../sockmap/psock.ts';
import { pushBytes } from './deliver.ts';
import { MAX_MSG_FRAGS, type SkMsg, type MsgElem } from './sk-msg.ts';
import { BPF_F_INGRESS } from './skb-verdict.ts';
import { streamRule } from './rules.ts';
import { streamsOf, type StreamEnd } from './state.ts';

/** Asks the program of the socket's map. Its verdict holds for apply_bytes. @see sk_psock_msg_verdict */
function ask(kernel: KernelServices, end: StreamEnd, msg: SkMsg): void {
  const prog = programOfSock(kernel, end.sk, 'msgVerdict');
  if (prog === undefined) {
    end.verdict = 'pass';
    return;
  }
  msg.computeDataPointers();
  msg.setPointer('sk', end.sk);
  const passed = kernel.runProg(prog, msg.off) === SK_PASS;
  const redirect = msg.pointer('sk_redir');
  end.verdict = !passed ? 'drop' : redirect === 0 ? 'pass' : 'redirect';
  end.applyBytes = msg.get('apply_bytes');
  if (end.verdict !== 'redirect') return;
  end.redirectTo = redirect;
  end.redirectIngress = (msg.get('flags') & BPF_F_INGRESS) !== 0;
}

/** Bytes the verdict holds for are used up. */
function useUp(end: StreamEnd, lenBytes: number): void {
  end.applyBytes = Math.max(0, end.applyBytes - lenBytes);
}

/**
 * Sends bytes of a message out of a socket, past its programs; each element arrives on its own. 0, or -errno. An element
 * without bytes stops Linux v5.6: it counts as done.
 * @see tcp_bpf_push
 */
function pushMsg(kernel: KernelServices, sk: number, msg: SkMsg, lenBytes: number): number {
  let left = lenBytes;
  for (const elem of msg.elems) {
    if (left === 0 || elem.length === 0) break;
    const piece = msg.read(elem, Math.min(left, elem.length));
    const sent = pushBytes(kernel, sk, piece);
    if (sent < 0) return sent;
    msg.dropFront(piece.length);
    left -= piece.length;
  }
  return 0;
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/**
 * Puts bytes of a message before what a socket receives. Linux v5.6 loses the rest of the element in which a verdict's
 * bytes end. @see bpf_tcp_ingress
 */
function queueIngress(target: StreamEnd, msg: SkMsg, lenBytes: number): void {
  const pieces: Uint8Array[] = [];
  const losesRest = streamRule(msg.kernel, 'ingress-apply-loses-rest');
  let left = lenBytes;
  let gone = 0;
  for (const elem of msg.elems) {
    const piece = msg.read(elem, Math.min(left, elem.length));
    pieces.push(piece);
    left -= piece.length;
    gone += losesRest ? elem.length : piece.length;
    if (left === 0) break;
  }
  msg.dropFront(gone);
  const bytes = concat(pieces);
  const closed = !target.txEnabled && !streamRule(msg.kernel, 'error-lets-messages-in');
  if (bytes.length > 0 && !closed) target.ingress.push(bytes);
}

/** Hands bytes to the socket that the program chose. 0 or -errno. @see tcp_bpf_sendmsg_redir */
function redirect(
  kernel: KernelServices,
  end: StreamEnd,
  msg: SkMsg,
  { to, lenBytes }: { readonly to: number; readonly lenBytes: number },
): number {
  const target = streamsOf(kernel).ends.get(to);
  if (target === undefined || psockOf(kernel, to) === 0) {
    msg.clear();
    return 0;
  }
  const ingress = streamRule(kernel, 'apply-forgets-ingress')
    ? (msg.get('flags') & BPF_F_INGRESS) !== 0
    : end.redirectIngress;
  if (!ingress) return pushMsg(kernel, to, msg, lenBytes);
  queueIngress(target, msg, lenBytes);
  return 0;
}

/** What became of bytes handed to {@link sendVerdict}. */
export interface SendOutcome {
  /** 0, or -errno. */
  readonly err: number;
  /** What the program and its verdict took back of what the sender thinks is sent. */
  readonly uncounted: number;
}

/**
 * Does what the verdict in force says, asking the program where there is none. `msg` is the sender's own or the one being
 * gathered; what of it is to wait for more becomes the latter.
 * @errno EACCES the program dropped bytes
 */
export function sendVerdict(kernel: KernelServices, end: StreamEnd, msg: SkMsg): SendOutcome {
  const full = msg.count === MAX_MSG_FRAGS;
  let uncounted = 0;
  let delta = 0;
  for (;;) {
    if (end.verdict === 'none') {
      delta = msg.size;
      ask(kernel, end, msg);
      delta -= msg.size;
    }
    const cork = msg.get('cork_bytes');
    if (cork > msg.size && !full) {
      end.corkBytes = cork - msg.size;
      end.cork = msg.off;
      return { err: 0, uncounted };
    }
    const tosend = end.applyBytes > 0 ? Math.min(end.applyBytes, msg.size) : msg.size;
    let err: number;
    let gone = false;
    switch (end.verdict) {
      case 'pass':
        err = pushMsg(kernel, end.sk, msg, tosend);
        if (err < 0) uncounted += msg.clear();
        else useUp(end, tosend);
        break;
      case 'redirect': {
        useUp(end, tosend);
        const to = end.redirectTo;
        if (end.applyBytes === 0 && !streamRule(kernel, 'failed-redirect-holds')) end.verdict = 'none';
        const corked = end.cork !== 0;
        end.cork = 0;
        err = redirect(kernel, end, msg, { to, lenBytes: tosend });
        if (err < 0) {
          const left = msg.clear();
          if (!corked) uncounted += left;
        }
        if (corked) {
          msg.free();
          gone = true;
          err = 0;
        }
        break;
      }
      default:
        msg.dropFront(tosend);
        useUp(end, tosend);
        return { err: -EACCES, uncounted: uncounted + tosend + delta };
    }
    if (err < 0) return { err, uncounted };
    if (end.applyBytes === 0) {
      end.verdict = 'none';
      end.redirectTo = 0;
    }
    const first: MsgElem | undefined = gone ? undefined : msg.elems[0];
    if (first === undefined || first.length === 0) return { err: 0, uncounted };
  }
}
