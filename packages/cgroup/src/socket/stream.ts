// SPDX-License-Identifier: MIT
// Bytes of a TCP connection, and its end. Nothing is reordered or late here: a segment that programs let pass is
// acknowledged at once. @see net/ipv4/tcp.c, tcp_sendmsg, tcp_close; net/ipv4/tcp_input.c, tcp_fin, tcp_reset
import { EAGAIN, ECONNRESET, EINVAL, ENOTCONN, EOPNOTSUPP, EPIPE, ETIMEDOUT } from '@tsbpf/uapi';
import {
  disconnectedFromSockMaps,
  readField,
  setTcpState,
  TCP_CLOSE,
  TCP_LISTEN,
  tellRoundTrip,
  writeField,
} from '@tsbpf/net';
import { SOCK_STREAM } from './kinds.ts';
import type { SimSocket } from './socket.ts';
import { count, persist, segmentBytes, sendOnce, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, type Segment } from './wire.ts';

/** @see include/net/tcp_states.h */
export const TCP_ESTABLISHED = 1;
export const TCP_SYN_SENT = 2;
export const TCP_SYN_RECV = 3;
const TCP_FIN_WAIT1 = 4;
const TCP_FIN_WAIT2 = 5;
const TCP_CLOSE_WAIT = 8;
const TCP_LAST_ACK = 9;
const TCP_CLOSING = 11;

/** Ends of a connection that shutdown(2) closes: 1 receiving, 2 sending. */
const RCV_SHUTDOWN = 1;
const SEND_SHUTDOWN = 2;
const BOTH = RCV_SHUTDOWN | SEND_SHUTDOWN;

const get = (socket: SimSocket, path: string): number => readField(socket.kernel, socket.sk.off, path);
const put = (socket: SimSocket, path: string, value: number): void =>
  writeField(socket.kernel, socket.sk.off, path, value);

function moveTo(socket: SimSocket, state: number): void {
  setTcpState(socket.kernel, socket.sk.off, state);
  if (state === TCP_CLOSE) disconnectedFromSockMaps(socket.kernel, socket.sk.off);
}

/** The connection is over. @see net/ipv4/tcp.c, tcp_done */
export function finishStream(socket: SimSocket): void {
  moveTo(socket, TCP_CLOSE);
  put(socket, 'sock.sk_shutdown', BOTH);
}

/** The error that waits for the next call, which takes it: 0 or -errno. */
function takeError({ stream }: SimSocket): number {
  const error = stream?.error ?? 0;
  if (stream !== undefined) stream.error = 0;
  return error === 0 ? 0 : -error;
}

/** The next call answers an errno. */
function setError({ stream }: SimSocket, errno: number): void {
  if (stream !== undefined) stream.error = errno;
}

/** The other end sent a reset. @see net/ipv4/tcp_input.c, tcp_reset */
function reset(socket: SimSocket): void {
  setError(socket, socket.state === TCP_CLOSE_WAIT ? EPIPE : ECONNRESET);
  socket.peer = undefined;
  finishStream(socket);
}

/** Sends a segment until it arrives; the connection ends where it never does. @see tcp_write_timeout */
function deliver(socket: SimSocket, segment: Segment): SimSocket | undefined {
  const { peer, remote } = socket;
  if (remote === undefined) return undefined;
  const packet = segmentBytes(socket, { local: socket.local, remote }, segment);
  const answer = { flags: TCP_ACK };
  const limit = Number(socket.sysctlNumber('net/ipv4/tcp_retries2'));
  const arrived = persist(socket, limit, () => {
    if (peer === undefined) return { sent: 0, arrived: false };
    const there = sendOnce(socket, peer, packet);
    if (!there.arrived || peer.remote === undefined || peer.gone) return there;
    const ack = segmentBytes(peer, { local: peer.local, remote: peer.remote }, answer);
    return { sent: there.sent, arrived: sendOnce(peer, socket, ack).arrived };
  });
  if (arrived) {
    count(socket, 'tcp_sock.segs_in', 1);
    return peer;
  }
  setError(socket, ETIMEDOUT);
  socket.peer = undefined;
  finishStream(socket);
  return undefined;
}

/** Adds to a counter of 64 bits. */
function addBytes({ kernel, sk }: SimSocket, path: string, by: number): void {
  const at = sk.off + kernel.types.resolve(path).off;
  kernel.mem.write64(at, kernel.mem.read64(at) + BigInt(by));
}

/** What was sent is acknowledged: one round trip measured. */
function acknowledged(socket: SimSocket, lenBytes: number): void {
  for (const name of ['snd_nxt', 'write_seq', 'snd_una']) count(socket, `tcp_sock.${name}`, lenBytes);
  addBytes(socket, 'tcp_sock.bytes_acked', lenBytes);
  count(socket, 'tcp_sock.delivered', 1);
  put(socket, 'tcp_sock.rtt_seq', get(socket, 'tcp_sock.snd_nxt'));
  tellRoundTrip(socket.kernel, socket.sk.off);
}

/** One segment of data reaches the other end. */
function sendData(socket: SimSocket, data: Uint8Array): number {
  count(socket, 'tcp_sock.data_segs_out', 1);
  const peer = deliver(socket, { flags: TCP_ACK | TCP_PSH, data });
  if (peer === undefined) return takeError(socket);
  if (!peer.gone) count(peer, 'tcp_sock.segs_in', 1);
  if (peer.gone || peer.state === TCP_CLOSE) {
    reset(socket);
    return 0;
  }
  count(peer, 'tcp_sock.data_segs_in', 1);
  count(peer, 'tcp_sock.rcv_nxt', data.length);
  addBytes(peer, 'tcp_sock.bytes_received', data.length);
  acknowledged(socket, data.length);
  peer.stream?.arrive(data.slice());
  return 0;
}

/**
 * Bytes for the other end, past the programs of socket maps: how many, or -errno.
 * @errno EPIPE not connected, or shut down @errno ECONNRESET @errno ETIMEDOUT programs let no segment pass
 */
export function pushStream(socket: SimSocket, data: Uint8Array): number {
  const waiting = takeError(socket);
  if (waiting < 0) return waiting;
  const sending = socket.state === TCP_ESTABLISHED || socket.state === TCP_CLOSE_WAIT;
  if (!sending || (get(socket, 'sock.sk_shutdown') & SEND_SHUTDOWN) !== 0) return -EPIPE;
  const mss = get(socket, 'tcp_sock.mss_cache') || data.length;
  for (let off = 0; off < data.length; off += mss) {
    const err = sendData(socket, data.subarray(off, off + mss));
    if (err < 0) return off > 0 ? off : err;
  }
  return data.length;
}

/** Bytes for the other end, or for where a message program sends them. @errno EACCES it drops them, and as {@link pushStream} */
export function sendStream(socket: SimSocket, data: Uint8Array): number {
  return socket.stream?.send(data) ?? -EOPNOTSUPP;
}

/**
 * Up to `room` bytes that came; none where the other end has closed.
 * @errno EAGAIN none yet @errno ENOTCONN @errno ECONNRESET @errno EOPNOTSUPP not a TCP socket
 */
export function receiveStream(socket: SimSocket, room: number): Uint8Array | number {
  const { stream } = socket;
  if (stream === undefined) return -EOPNOTSUPP;
  if (socket.state === TCP_LISTEN) return -ENOTCONN;
  const found = stream.read(room);
  if (found !== undefined) return found;
  if (stream.ended) return new Uint8Array(0);
  const waiting = takeError(socket);
  if (waiting < 0) return waiting;
  if ((get(socket, 'sock.sk_shutdown') & RCV_SHUTDOWN) !== 0) return new Uint8Array(0);
  return socket.state === TCP_CLOSE ? -ENOTCONN : -EAGAIN;
}

/** The other end will send no more. @see tcp_fin */
function receiveFin(socket: SimSocket): void {
  // It takes the place of a byte in the sequence, and counts as one.
  count(socket, 'tcp_sock.rcv_nxt', 1);
  addBytes(socket, 'tcp_sock.bytes_received', 1);
  put(socket, 'sock.sk_shutdown', get(socket, 'sock.sk_shutdown') | RCV_SHUTDOWN);
  if (socket.state === TCP_ESTABLISHED || socket.state === TCP_SYN_RECV) moveTo(socket, TCP_CLOSE_WAIT);
  else if (socket.state === TCP_FIN_WAIT1) moveTo(socket, TCP_CLOSING);
  else if (socket.state === TCP_FIN_WAIT2) finishStream(socket);
  socket.stream?.arriveFin();
}

/** Sends no more; the other end is told, and acknowledges. @see tcp_close_state, tcp_send_fin */
function sendFin(socket: SimSocket): void {
  const { state } = socket;
  if (state !== TCP_ESTABLISHED && state !== TCP_CLOSE_WAIT) return;
  const next = state === TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT1;
  moveTo(socket, next);
  const peer = deliver(socket, { flags: TCP_FIN | TCP_ACK });
  if (peer === undefined) return;
  if (!peer.gone) {
    count(peer, 'tcp_sock.segs_in', 1);
    receiveFin(peer);
  }
  acknowledged(socket, 1);
  if (next === TCP_FIN_WAIT1) moveTo(socket, TCP_FIN_WAIT2);
  // Who has closed leaves the rest to time-wait.
  if (next === TCP_LAST_ACK || socket.closed) finishStream(socket);
}

/** Tells the other end that the connection is no more. */
function sendReset(socket: SimSocket): void {
  const { peer, remote } = socket;
  socket.peer = undefined;
  if (peer === undefined || remote === undefined) return;
  const packet = segmentBytes(socket, { local: socket.local, remote }, { flags: TCP_RST | TCP_ACK });
  const { arrived } = sendOnce(socket, peer, packet);
  if (arrived && !peer.gone && peer.state !== TCP_CLOSE) reset(peer);
}

/** connect(2) to nobody, and what closing a listener does to those that wait. @see tcp_disconnect */
export function disconnectStream(socket: SimSocket): void {
  const { state } = socket;
  if (state !== TCP_CLOSE) moveTo(socket, TCP_CLOSE);
  if (state === TCP_LISTEN) stopListening(socket);
  else if ([TCP_ESTABLISHED, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT].includes(state)) {
    sendReset(socket);
  }
  socket.stream?.clear();
  put(socket, 'sock.sk_shutdown', 0);
  forgetConnection(socket);
}

/** What the next connection counts and measures anew. */
const OF_CONNECTION = ['srtt_us', 'segs_in', 'segs_out', 'data_segs_in', 'data_segs_out', 'delivered', 'total_retrans'];

function forgetConnection(socket: SimSocket): void {
  const { mem, types } = socket.kernel;
  for (const name of OF_CONNECTION) put(socket, `tcp_sock.${name}`, 0);
  for (const name of ['bytes_acked', 'bytes_received']) {
    mem.write64(socket.sk.off + types.resolve(`tcp_sock.${name}`).off, 0n);
  }
}

function stopListening(socket: SimSocket): void {
  for (const child of socket.pending.splice(0)) {
    disconnectStream(child);
    child.close();
  }
}

/** shutdown(2): `how` is 0 to receive no more, 1 to send no more, 2 for both. @errno EINVAL @errno ENOTCONN */
export function shutdownStream(socket: SimSocket, how: number): number {
  if (how < 0 || how > 2) return -EINVAL;
  if (socket.state === TCP_CLOSE || socket.type !== SOCK_STREAM) return -ENOTCONN;
  const bits = how + 1;
  put(socket, 'sock.sk_shutdown', get(socket, 'sock.sk_shutdown') | bits);
  if (socket.state === TCP_LISTEN) {
    if ((bits & RCV_SHUTDOWN) !== 0) disconnectStream(socket);
    return 0;
  }
  if ((bits & SEND_SHUTDOWN) !== 0) sendFin(socket);
  return 0;
}

/** close(2): bytes that nobody read reset the connection. @see tcp_close, sock_map_close */
export function closeStream(socket: SimSocket): void {
  const { state, stream } = socket;
  if (stream === undefined) return;
  stream.leaveMaps();
  put(socket, 'sock.sk_shutdown', BOTH);
  if (state === TCP_LISTEN) {
    moveTo(socket, TCP_CLOSE);
    stopListening(socket);
  } else if (state !== TCP_CLOSE && stream.unread) {
    moveTo(socket, TCP_CLOSE);
    sendReset(socket);
  } else if (state === TCP_FIN_WAIT2) {
    finishStream(socket);
  } else {
    sendFin(socket);
  }
  stream.drop();
}
