// SPDX-License-Identifier: MIT
// @see net/ipv4/af_inet.c, __inet_stream_connect and inet_dgram_connect; net/ipv6/tcp_ipv6.c
import {
  BPF_CGROUP_INET4_CONNECT,
  BPF_CGROUP_INET6_CONNECT,
  EAFNOSUPPORT,
  EAGAIN,
  EINVAL,
  EISCONN,
  ENETUNREACH,
  EOPNOTSUPP,
} from '@tsbpf/uapi';
import { SOCK_OPS_TCP_LISTEN_CB, TCP_CLOSE, TCP_LISTEN } from '@tsbpf/net';
import { emptyAcceptQueue, limitAcceptQueue } from './accept-queue.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  decodeAddress,
  encodeAddress,
  isAny,
  isV4Mapped,
  SIN6_LEN_RFC2133,
  SOCKADDR_IN_BYTES,
  v4Mapped,
  type SocketAddress,
} from './address.ts';
import { runAddrHook } from './addr-hook.ts';
import { autobind, isLocal, markRcuFree, orLoopback, setLocal, setRemote, setState } from './endpoints.ts';
import { sourceFor } from './route.ts';
import { handshake } from './handshake.ts';
import { callSockOps } from './sock-ops.ts';
import { disconnectStream, TCP_ESTABLISHED } from './stream.ts';
import { SOCK_STREAM } from './kinds.ts';
import type { SimSocket } from './socket.ts';

const IPV6_V6ONLY = '41/26';

/** Forgets the other end. */
function disconnect(socket: SimSocket): number {
  if (socket.type === SOCK_STREAM) disconnectStream(socket);
  else setState(socket, TCP_CLOSE);
  setRemote(socket, undefined);
  return 0;
}

/** Asks the programs about an address of the length their family needs; what they leave, or -errno. */
function askPrograms(socket: SimSocket, address: Uint8Array): Uint8Array | number {
  const { family } = decodeAddress(address);
  let v4 = socket.family === AF_INET;
  if (!v4 && socket.type !== SOCK_STREAM && family === AF_INET) {
    if ((socket.options.get(IPV6_V6ONLY) ?? 0) !== 0) return -EAFNOSUPPORT;
    v4 = true;
  }
  if (address.length < (v4 ? SOCKADDR_IN_BYTES : SIN6_LEN_RFC2133)) return -EINVAL;
  const hook = v4 ? BPF_CGROUP_INET4_CONNECT : BPF_CGROUP_INET6_CONNECT;
  const result = runAddrHook(socket.cgroups, socket, hook, { address });
  return result.err < 0 ? result.err : result.address;
}

/** Where an address leads, in the form the socket's family keeps it; -errno. */
function destination(socket: SimSocket, address: Uint8Array): { ip: Uint8Array; port: number } | number {
  const { family, ip, port } = decodeAddress(address);
  if (socket.family === AF_INET) {
    return family === AF_INET ? { ip: orLoopback(ip), port } : -EAFNOSUPPORT;
  }
  if (family === AF_INET) return socket.type === SOCK_STREAM ? -EAFNOSUPPORT : { ip: v4Mapped(orLoopback(ip)), port };
  if (family !== AF_INET6) return -EAFNOSUPPORT;
  if (isV4Mapped(ip) && (socket.options.get(IPV6_V6ONLY) ?? 0) !== 0) return -ENETUNREACH;
  return { ip: orLoopback(ip), port };
}

/** Connects to what a program makes of the address, if it lets it. */
export function connectSocket(socket: SimSocket, where: SocketAddress | Uint8Array): number {
  const given = encodeAddress(where);
  if (given.length < 2) return -EINVAL;
  if (decodeAddress(given).family === AF_UNSPEC) return disconnect(socket);
  if (socket.type === SOCK_STREAM && socket.state !== TCP_CLOSE) return -EISCONN;
  const address = askPrograms(socket, given);
  if (typeof address === 'number') return address;

  const end = destination(socket, address);
  if (typeof end === 'number') return end;
  if (!isLocal(socket, end.ip)) return -ENETUNREACH;
  const ip = isAny(socket.local.ip) ? sourceFor(end.ip) : socket.local.ip;
  const bound = autobind(socket);
  if (bound < 0) return socket.type === SOCK_STREAM ? bound : -EAGAIN;
  setLocal(socket, { ip, port: socket.local.port });
  setRemote(socket, end);
  if (socket.type === SOCK_STREAM) return handshake(socket);
  setState(socket, TCP_ESTABLISHED);
  return 0;
}

/** Listens; an unbound socket gets a port, and no program is asked about that. @see net/ipv4/af_inet.c, inet_listen */
export function listenSocket(socket: SimSocket, backlog: number): number {
  if (socket.type !== SOCK_STREAM) return -EOPNOTSUPP;
  if (socket.state !== TCP_LISTEN && socket.state !== TCP_CLOSE) return -EINVAL;
  limitAcceptQueue(socket, backlog);
  if (socket.state === TCP_LISTEN) return 0;
  emptyAcceptQueue(socket);
  const err = autobind(socket);
  if (err < 0) return err;
  setState(socket, TCP_LISTEN);
  markRcuFree(socket);
  callSockOps(socket, SOCK_OPS_TCP_LISTEN_CB);
  return 0;
}
