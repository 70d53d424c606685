// SPDX-License-Identifier: MIT
// UDP. @see net/ipv4/udp.c, udp_sendmsg; net/ipv6/udp.c, udpv6_sendmsg
import { buildPacket, formatIpv4, formatIpv6 } from '@tsbpf/capture';
import {
  BPF_CGROUP_UDP4_RECVMSG,
  BPF_CGROUP_UDP4_SENDMSG,
  BPF_CGROUP_UDP6_RECVMSG,
  BPF_CGROUP_UDP6_SENDMSG,
  EAFNOSUPPORT,
  EAGAIN,
  EDESTADDRREQ,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOTSUPP,
  EOPNOTSUPP,
} from '@tsbpf/uapi';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  decodeAddress,
  describeAddress,
  encodeAddress,
  formatIp,
  isAny,
  isV4Mapped,
  SIN6_LEN_RFC2133,
  SOCKADDR_IN_BYTES,
  v4Mapped,
  type SocketAddress,
} from './address.ts';
import { runAddrHook } from './addr-hook.ts';
import { autobind, findReceiver, isLocal, orLoopback } from './endpoints.ts';
import { sourceFor } from './route.ts';
import { NET_XMIT_CN, NET_XMIT_DROP, runSkbHook } from './skb-hook.ts';
import { SOCK_DGRAM } from './kinds.ts';
import type { Endpoint, SimSocket } from './socket.ts';

const MAX_BYTES = 0xffff;

/** A datagram that waits to be received. */
export interface Datagram {
  readonly data: Uint8Array;
  readonly from: Endpoint;
}

export interface ReceivedDatagram {
  readonly data: Uint8Array;
  /** As programs left it. */
  readonly from: SocketAddress;
}

/** Where a datagram goes, and from which address where a program chose one. */
interface Route {
  readonly to: Endpoint;
  /** All zeroes: whichever address leads there. */
  readonly source: Uint8Array;
}

/** The destination given, as far as it is right for the socket; -errno. */
function givenDestination(socket: SimSocket, address: Uint8Array): 'v4' | 'v6' | 'connected' | number {
  const { family, ip, port } = decodeAddress(address);
  if (socket.family === AF_INET) {
    if (address.length < SOCKADDR_IN_BYTES) return -EINVAL;
    if (family !== AF_INET && family !== AF_UNSPEC) return -EAFNOSUPPORT;
    return port === 0 ? -EINVAL : 'v4';
  }
  if (address.length < 2) return -EINVAL;
  if (family === AF_UNSPEC) return 'connected';
  if (family === AF_INET) return address.length < SOCKADDR_IN_BYTES || port === 0 ? -EINVAL : 'v4';
  if (family !== AF_INET6) return -EINVAL;
  if (address.length < SIN6_LEN_RFC2133) return -EINVAL;
  if (port === 0) return -EINVAL;
  return isV4Mapped(ip) ? 'v4' : 'v6';
}

/** The connected destination; no program is asked. */
function connectedRoute(socket: SimSocket): Route | number {
  if (socket.remote === undefined) return -EDESTADDRREQ;
  return { to: socket.remote, source: socket.local.ip };
}

/** Asks the programs about a destination. */
function askedRoute(socket: SimSocket, address: Uint8Array, form: 'v4' | 'v6'): Route | number {
  const v4 = form === 'v4';
  const own = decodeAddress(address);
  const mapped = v4 && own.family === AF_INET6;
  const shown = mapped ? encodeAddress({ ip: formatIp(own.ip.subarray(12)), port: own.port }) : address;
  const local = v4 ? socket.local.ip.subarray(-4) : socket.local.ip;
  const source = Uint8Array.from(local);
  const hook = v4 ? BPF_CGROUP_UDP4_SENDMSG : BPF_CGROUP_UDP6_SENDMSG;
  const asked = runAddrHook(socket.cgroups, socket, hook, { address: shown, source });
  if (asked.err < 0) return asked.err;
  // The fields are read where the structure of the hook's family has them.
  const view = asked.address.slice();
  new DataView(view.buffer).setUint16(0, v4 ? AF_INET : AF_INET6, true);
  const { ip, port } = decodeAddress(view);
  if (!v4 && isV4Mapped(ip)) return -ENOTSUPP;
  if (port === 0) return -EINVAL;
  return { to: { ip, port }, source: asked.source };
}

/** An IP packet with a UDP header. */
function packetOf(from: Endpoint, to: Endpoint, data: Uint8Array): Uint8Array {
  const udp = { type: 'udp', srcPort: from.port, dstPort: to.port } as const;
  if (to.ip.length === 4) {
    return buildPacket([{ type: 'ipv4', src: formatIpv4(from.ip), dst: formatIpv4(to.ip), ttl: 64 }, udp], data);
  }
  return buildPacket([{ type: 'ipv6', src: formatIpv6(from.ip), dst: formatIpv6(to.ip), hopLimit: 64 }, udp], data);
}

/** Carries a datagram to whoever it is for, past the programs of both ends: 0 or -errno of the sending side. */
function transmit(socket: SimSocket, route: Route, data: Uint8Array): number {
  const v4 = route.to.ip.length === 4 || isV4Mapped(route.to.ip);
  const plain = (ip: Uint8Array): Uint8Array => (v4 ? ip.subarray(-4) : ip);
  const to = { ip: orLoopback(plain(route.to.ip)), port: route.to.port };
  const chosen = plain(route.source);
  if (!isAny(chosen) && v4 && !isLocal(socket, chosen)) return -EINVAL;
  if (!isLocal(socket, to.ip)) return -ENETUNREACH;
  const from = { ip: isAny(chosen) ? sourceFor(to.ip) : chosen, port: socket.local.port };
  const packet = packetOf(from, to, data);
  const sent = runSkbHook(socket, packet, 'egress');
  if (sent < 0) return sent;
  // A dropped packet would be -ENOBUFS, which UDP keeps to itself.
  if (sent === NET_XMIT_DROP) return 0;
  if (sent !== 0 && sent !== NET_XMIT_CN) return 0;
  const receiver = findReceiver(socket, to, (other) => other.type === SOCK_DGRAM);
  if (receiver !== undefined && runSkbHook(receiver, packet, 'ingress') === 0) {
    receiver.received.push({ data: data.slice(), from });
  }
  return 0;
}

/** Sends to what a program makes of the destination, if it lets it: bytes sent, or -errno. */
export function sendDatagram(socket: SimSocket, data: Uint8Array, where?: SocketAddress | Uint8Array): number {
  if (socket.type !== SOCK_DGRAM) return -EOPNOTSUPP;
  if (autobind(socket) < 0) return -EAGAIN;
  if (data.length > MAX_BYTES) return -EMSGSIZE;
  const address = where === undefined ? undefined : encodeAddress(where);
  const form = address === undefined ? 'connected' : givenDestination(socket, address);
  if (typeof form === 'number') return form;
  const route =
    form === 'connected' || address === undefined ? connectedRoute(socket) : askedRoute(socket, address, form);
  if (typeof route === 'number') return route;
  const err = transmit(socket, route, data);
  return err < 0 ? err : data.length;
}

/** Takes the oldest datagram; programs may change where it seems to come from. */
export function receiveDatagram(socket: SimSocket): ReceivedDatagram | number {
  const datagram = socket.received.shift();
  if (datagram === undefined) return -EAGAIN;
  const v4 = socket.family === AF_INET;
  const ip = !v4 && datagram.from.ip.length === 4 ? v4Mapped(datagram.from.ip) : datagram.from.ip;
  const given = encodeAddress({ ip: formatIp(ip), port: datagram.from.port });
  const hook = v4 ? BPF_CGROUP_UDP4_RECVMSG : BPF_CGROUP_UDP6_RECVMSG;
  const { address } = runAddrHook(socket.cgroups, socket, hook, { address: given });
  return { data: datagram.data, from: describeAddress(decodeAddress(address)) };
}
