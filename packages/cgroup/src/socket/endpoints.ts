// SPDX-License-Identifier: MIT
// A socket's two ends, as members of its structure and in the table of sockets.
import { EADDRINUSE } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { writeField } from '@tsbpf/net';
import { AF_INET, isAny, isV4Mapped } from './address.ts';
import { SOCK_STREAM } from './kinds.ts';
import type { Endpoint, SimSocket } from './socket.ts';

const SOCK_RCU_FREE = 0x800000n;

const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);

function writeBytes(kernel: KernelServices, sk: number, what: { path: string; bytes: Uint8Array }): void {
  const field = kernel.types.tryResolve(what.path);
  if (field !== undefined) kernel.mem.writeBytes(sk + field.off, what.bytes.subarray(0, field.size));
}

/** The IPv4 form of an address an IPv4 member holds: the last word of a mapped one, or zero. */
const v4Part = (ip: Uint8Array): Uint8Array =>
  ip.length === 4 ? ip : isV4Mapped(ip) ? ip.subarray(12) : new Uint8Array(4);

/** Writes the ends of a socket, or of a request, into what all of them have. */
export function writeEnds(
  kernel: KernelServices,
  sk: number,
  { local, remote, family }: { local?: Endpoint; remote?: Endpoint; family: number },
): void {
  const put = (path: string, bytes: Uint8Array): void => writeBytes(kernel, sk, { path, bytes });
  if (local !== undefined) {
    put('sock_common.skc_rcv_saddr', v4Part(local.ip));
    if (family !== AF_INET) put('sock_common.skc_v6_rcv_saddr', local.ip);
    writeField(kernel, sk, 'sock_common.skc_num', local.port);
  }
  if (remote !== undefined) {
    put('sock_common.skc_daddr', v4Part(remote.ip));
    if (family !== AF_INET) put('sock_common.skc_v6_daddr', remote.ip);
    writeField(kernel, sk, 'sock_common.skc_dport', swap16(remote.port));
  }
}

/** Sets address and port the socket is bound to. */
export function setLocal(socket: SimSocket, end: Endpoint): void {
  socket.local = end;
  const { kernel, sk, family } = socket;
  writeEnds(kernel, sk.off, { local: end, family });
  writeBytes(kernel, sk.off, { path: 'inet_sock.inet_saddr', bytes: v4Part(end.ip) });
  writeField(kernel, sk.off, 'inet_sock.inet_sport', swap16(end.port));
}

/** Sets the other end; undefined for none. */
export function setRemote(socket: SimSocket, end: Endpoint | undefined): void {
  socket.remote = end;
  const { kernel, sk, family } = socket;
  const none = { ip: new Uint8Array(family === AF_INET ? 4 : 16), port: 0 };
  writeEnds(kernel, sk.off, { remote: end ?? none, family });
}

/** Changes the state and tells nobody. */
export function setState(socket: SimSocket, state: number): void {
  writeField(socket.kernel, socket.sk.off, 'sock_common.skc_state', state);
}

/** Programs need no reference while they look at it. @see include/net/sock.h, SOCK_RCU_FREE */
export function markRcuFree({ kernel, sk }: SimSocket): void {
  const at = sk.off + kernel.types.resolve('sock_common.skc_flags').off;
  kernel.mem.write64(at, kernel.mem.read64(at) | SOCK_RCU_FREE);
}

/** Two bound addresses that packets to one could reach the other by. */
function overlap(a: SimSocket, b: { ip: Uint8Array }): boolean {
  if (isAny(a.local.ip) || isAny(b.ip)) return true;
  const [left, right] = [v4Part(a.local.ip), v4Part(b.ip)];
  if (!isAny(left) || !isAny(right)) return left.every((byte, i) => byte === right[i]);
  return a.local.ip.every((byte, i) => byte === b.ip[i]);
}

const option = (socket: SimSocket, optname: number): boolean => (socket.options.get(`1/${optname}`) ?? 0) !== 0;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const TCP_LISTEN = 10;

/** Whether a port is taken for a socket. Reuse must be what both want; listeners share only by SO_REUSEPORT. */
function taken(socket: SimSocket, end: Endpoint): boolean {
  for (const other of socket.cgroups.sockets) {
    if (other === socket || other.protocol !== socket.protocol || other.local.port !== end.port) continue;
    if (!overlap(other, end)) continue;
    const samePort = option(socket, SO_REUSEPORT) && option(other, SO_REUSEPORT) && socket.task.uid === other.task.uid;
    const sameAddr = option(socket, SO_REUSEADDR) && option(other, SO_REUSEADDR);
    if (samePort || (sameAddr && !(socket.type === SOCK_STREAM && other.state === TCP_LISTEN))) continue;
    return true;
  }
  return false;
}

/** The port asked for, or for 0 the lowest free one of the local range: a number, or -EADDRINUSE. */
export function takePort(socket: SimSocket, end: Endpoint): number {
  if (end.port !== 0) return taken(socket, end) ? -EADDRINUSE : end.port;
  const range = 'net/ipv4/ip_local_port_range';
  const last = Number(socket.sysctlNumber(range, 1));
  for (let port = Number(socket.sysctlNumber(range)); port <= last; port++) {
    if (!taken(socket, { ip: end.ip, port })) return port;
  }
  return -EADDRINUSE;
}

/** Gives an unbound socket a port, as sending or connecting does; no program is asked. 0 or -EADDRINUSE. */
export function autobind(socket: SimSocket): number {
  if (socket.local.port !== 0) return 0;
  const port = takePort(socket, { ip: socket.local.ip, port: 0 });
  if (port < 0) return port;
  setLocal(socket, { ip: socket.local.ip, port });
  return 0;
}

/** Whether an address is one of this machine's, any-address included. */
export function isLocal(socket: SimSocket, ip: Uint8Array): boolean {
  const v4 = ip.length === 4 ? ip : isV4Mapped(ip) ? ip.subarray(12) : undefined;
  if (isAny(ip)) return true;
  if (v4 !== undefined && (v4[0] === 127 || isAny(v4))) return true;
  if (v4 === undefined && ip[15] === 1 && isAny(ip.subarray(0, 15))) return true;
  const want = v4 ?? ip;
  return socket.cgroups.localAddresses.some(
    (own) => own.length === want.length && own.every((byte, i) => byte === want[i]),
  );
}

/** The address loopback stands in for where none was given. */
export function orLoopback(ip: Uint8Array): Uint8Array {
  if (!isAny(ip)) return ip;
  return ip.length === 4 ? Uint8Array.of(127, 0, 0, 1) : Uint8Array.from([...new Uint8Array(15), 1]);
}

/** The socket that packets to an address and port reach: one bound to the address before one bound to any. */
export function findReceiver(
  socket: SimSocket,
  end: Endpoint,
  wants: (candidate: SimSocket) => boolean,
): SimSocket | undefined {
  const found = [...socket.cgroups.sockets].filter(
    (other) =>
      other.protocol === socket.protocol && other.local.port === end.port && overlap(other, end) && wants(other),
  );
  return found.find((other) => !isAny(other.local.ip)) ?? found[0];
}
