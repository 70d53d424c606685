// SPDX-License-Identifier: MIT
// How a TCP connection comes about, with what programs are told of it on both sides. A lost segment is sent again.
// @see net/ipv4/tcp_output.c, tcp_connect; net/ipv4/tcp_input.c, tcp_conn_request, tcp_rcv_state_process
import { ECONNREFUSED, ENOMEM, ETIMEDOUT, UsageError } from '@tsbpf/uapi';
import {
  callSockOps,
  createSock,
  freeSock,
  initialRto,
  initialRwnd,
  needsEcn,
  netOf,
  readField,
  setTcpState,
  SOCK_OPS_ACTIVE_ESTABLISHED_CB,
  SOCK_OPS_PASSIVE_ESTABLISHED_CB,
  SOCK_OPS_TCP_CONNECT_CB,
  TCP_LISTEN,
  tellRoundTrip,
  writeField,
  writePointerField,
  type Sock,
} from '@tsbpf/net';
import { acceptQueueFull, countWaiting } from './accept-queue.ts';
import { AF_INET, AF_INET6, v4Mapped } from './address.ts';
import { findReceiver, setLocal, setRemote, setState, writeEnds } from './endpoints.ts';
import { runSkbHook } from './skb-hook.ts';
import type { Endpoint, SimSocket } from './socket.ts';
import { finishStream, TCP_ESTABLISHED, TCP_SYN_RECV, TCP_SYN_SENT } from './stream.ts';
import { count, emit, persist, segmentBytes, sendOnce, TCP_ACK, TCP_RST, TCP_SYN, type Attempt } from './wire.ts';

const TCP_NEW_SYN_RECV = 12;
const INITIAL_CWND = 10;
/** Microseconds of a round trip on this machine. */
const ROUND_TRIP_US = 50;

interface Ends {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** A first sequence number, the same in every run. */
function beginSequence(socket: SimSocket, { local, remote }: Ends): void {
  const first = (Math.imul(local.port, 64_021) + Math.imul(remote.port, 7_919)) >>> 0;
  for (const name of ['snd_nxt', 'snd_una', 'write_seq']) {
    writeField(socket.kernel, socket.sk.off, `tcp_sock.${name}`, first);
  }
}

/** Both ends have taken the other's first segment. */
function synchronize(a: SimSocket, b: SimSocket): void {
  for (const socket of [a, b]) {
    for (const name of ['snd_nxt', 'snd_una', 'write_seq']) count(socket, `tcp_sock.${name}`, 1);
  }
  const next = (socket: SimSocket): number => readField(socket.kernel, socket.sk.off, 'tcp_sock.snd_nxt');
  writeField(a.kernel, a.sk.off, 'tcp_sock.rcv_nxt', next(b));
  writeField(b.kernel, b.sk.off, 'tcp_sock.rcv_nxt', next(a));
}

/** An address in the form a family keeps it. */
function shaped({ ip, port }: Endpoint, family: number): Endpoint {
  if (family === AF_INET) return { ip: ip.subarray(-4), port };
  return { ip: ip.length === 4 ? v4Mapped(ip) : ip, port };
}

/** A request: the socket a listener has for a connection that is not there yet. */
function openRequest(listener: SimSocket, ends: Ends): Sock {
  const { kernel } = listener;
  // As large as a socket: programs of v5.6 read members behind a request's end.
  const request = createSock(kernel, { netns: netOf(kernel).initNs, struct: 'tcp_sock' });
  if (request === undefined) {
    throw new UsageError('kernel memory is exhausted: no room for a connection request', { errno: ENOMEM });
  }
  writeField(kernel, request.off, 'sock_common.skc_family', listener.family);
  writeField(kernel, request.off, 'sock_common.skc_state', TCP_NEW_SYN_RECV);
  writePointerField(kernel, request.off, 'sock_common.skc_listener', listener.sk.off);
  writeEnds(kernel, request.off, { ...ends, family: listener.family });
  return request;
}

/** What a round trip's measure leaves in a socket that had none. */
function measure(socket: SimSocket): void {
  const { kernel, sk } = socket;
  if (readField(kernel, sk.off, 'tcp_sock.srtt_us') !== 0) return;
  writeField(kernel, sk.off, 'tcp_sock.srtt_us', ROUND_TRIP_US << 3);
  writeField(kernel, sk.off, 'tcp_sock.rtt_min.s[0].v', ROUND_TRIP_US);
  writeField(kernel, sk.off, 'tcp_sock.rtt_seq', readField(kernel, sk.off, 'tcp_sock.snd_nxt'));
  tellRoundTrip(kernel, sk.off);
}

/** The connection is there: the congestion window opens, and programs hear of it. @see tcp_init_transfer */
function beginTransfer(socket: SimSocket, op: number): void {
  writeField(socket.kernel, socket.sk.off, 'tcp_sock.snd_cwnd', INITIAL_CWND);
  callSockOps(socket.kernel, socket.sk.off, op);
}

/** Keeps the SYN where the listener wants it kept: its length, and its bytes. */
function saveSyn(listener: SimSocket, child: SimSocket, syn: Uint8Array): void {
  const { kernel } = listener;
  const kept = kernel.types.tryResolve('tcp_sock.saved_syn') !== undefined;
  if (!kept || readField(kernel, listener.sk.off, 'tcp_sock.save_syn') === 0) return;
  const at = kernel.mem.alloc(4 + syn.length, { kind: 'object', name: 'saved_syn' });
  if (at === 0) return;
  kernel.mem.write32(at, syn.length);
  kernel.mem.writeBytes(at + 4, syn);
  writePointerField(kernel, child.sk.off, 'tcp_sock.saved_syn', at);
}

/** Tells the programs of the listener's cgroup of a request. @see tcp_conn_request */
function announce(listener: SimSocket, request: Sock, ecn: boolean): void {
  const { kernel } = listener;
  const wanted = Number(listener.sysctlNumber('net/ipv4/tcp_ecn'));
  if (ecn && wanted === 0) needsEcn(kernel, request.off);
  initialRwnd(kernel, request.off);
  initialRto(kernel, request.off, kernel.env.hz);
}

/** The other side of a connection, which is accepted later; undefined where there is no room for what it inherits. */
function openChild(listener: SimSocket, from: SimSocket, what: { ends: Ends; syn: Uint8Array }): SimSocket | undefined {
  const { kernel } = listener;
  const { ends, syn } = what;
  const child = listener.makeChild();
  if (child === undefined) return undefined;
  beginSequence(child, ends);
  synchronize(from, child);
  setLocal(child, ends.local);
  setRemote(child, ends.remote);
  setState(child, TCP_SYN_RECV);
  // The request and what acknowledges the answer.
  count(child, 'tcp_sock.segs_in', 2);
  saveSyn(listener, child, syn);
  // That the SYN-ACK is there is told by the ACK, not by what it acknowledges: no byte is counted.
  count(child, 'tcp_sock.delivered', 1);
  measure(child);
  beginTransfer(child, SOCK_OPS_PASSIVE_ESTABLISHED_CB);
  setTcpState(kernel, child.sk.off, TCP_ESTABLISHED);
  return child;
}

/** Connects to the socket's other end: 0 or -errno. @errno ECONNREFUSED nobody listens @errno ETIMEDOUT all was lost */
export function handshake(socket: SimSocket): number {
  const { kernel, sk } = socket;
  const ends: Ends = { local: socket.local, remote: socket.remote ?? { ip: socket.local.ip, port: 0 } };
  beginSequence(socket, ends);
  setTcpState(kernel, sk.off, TCP_SYN_SENT);
  callSockOps(kernel, sk.off, SOCK_OPS_TCP_CONNECT_CB);
  const rwnd = initialRwnd(kernel, sk.off);
  if (rwnd > 0) writeField(kernel, sk.off, 'tcp_sock.rcv_wnd', rwnd * readField(kernel, sk.off, 'tcp_sock.mss_cache'));
  writeField(kernel, sk.off, 'inet_connection_sock.icsk_rto', initialRto(kernel, sk.off, kernel.env.hz));
  const ecn = needsEcn(kernel, sk.off) || socket.sysctlNumber('net/ipv4/tcp_ecn') === 1n;
  const syn = segmentBytes(socket, ends, { flags: TCP_SYN, ecn });

  const listener = findReceiver(socket, ends.remote, (other) => other.state === TCP_LISTEN);
  const back: Ends = {
    local: shaped(ends.remote, listener?.family ?? AF_INET6),
    remote: shaped(ends.local, listener?.family ?? AF_INET6),
  };
  let request: Sock | undefined;
  const attempt = (): Attempt => {
    if (listener === undefined) {
      const sent = emit(socket, syn);
      const reset = segmentBytes(socket, { local: ends.remote, remote: ends.local }, { flags: TCP_RST | TCP_ACK });
      return { sent, arrived: sent === 0 && runSkbHook(socket, reset, 'ingress') === 0 };
    }
    const asked = sendOnce(socket, listener, syn);
    if (!asked.arrived) return asked;
    if (acceptQueueFull(listener)) return { sent: asked.sent, arrived: false };
    if (request === undefined) {
      request = openRequest(listener, back);
      announce(listener, request, ecn);
    }
    const answer = segmentBytes(listener, back, { flags: TCP_SYN | TCP_ACK });
    return { sent: asked.sent, arrived: sendOnce(listener, socket, answer).arrived };
  };
  const arrived = persist(socket, Number(socket.sysctlNumber('net/ipv4/tcp_syn_retries')), attempt);
  if (request !== undefined) freeSock(kernel, request);
  if (!arrived || listener === undefined) {
    finishStream(socket);
    setRemote(socket, undefined);
    return arrived ? -ECONNREFUSED : -ETIMEDOUT;
  }
  count(socket, 'tcp_sock.segs_in', 1);
  // The SYN is acknowledged as a byte is.
  const acked = sk.off + kernel.types.resolve('tcp_sock.bytes_acked').off;
  kernel.mem.write64(acked, kernel.mem.read64(acked) + 1n);
  count(socket, 'tcp_sock.delivered', 1);
  measure(socket);
  setTcpState(kernel, sk.off, TCP_ESTABLISHED);
  beginTransfer(socket, SOCK_OPS_ACTIVE_ESTABLISHED_CB);
  if (!sendOnce(socket, listener, segmentBytes(socket, ends, { flags: TCP_ACK })).arrived) return 0;
  const child = openChild(listener, socket, { ends: back, syn });
  if (child === undefined) return 0;
  socket.peer = child;
  child.peer = socket;
  listener.pending.push(child);
  countWaiting(listener, 1);
  return 0;
}
