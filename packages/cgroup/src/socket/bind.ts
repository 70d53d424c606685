// SPDX-License-Identifier: MIT
// @see net/ipv4/af_inet.c, inet_bind; net/ipv6/af_inet6.c, inet6_bind
import {
  BPF_CGROUP_INET4_BIND,
  BPF_CGROUP_INET4_POST_BIND,
  BPF_CGROUP_INET6_BIND,
  BPF_CGROUP_INET6_POST_BIND,
  EACCES,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EINVAL,
} from '@tsbpf/uapi';
import { TCP_CLOSE } from '@tsbpf/net';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  decodeAddress,
  encodeAddress,
  isAny,
  SIN6_LEN_RFC2133,
  SOCKADDR_IN_BYTES,
  type RawAddress,
  type SocketAddress,
} from './address.ts';
import { runAddrHook } from './addr-hook.ts';
import { isLocal, setLocal, takePort } from './endpoints.ts';
import { runSockHook } from './sock-hook.ts';
import type { SimSocket } from './socket.ts';

const CAP_NET_BIND_SERVICE = 10;

/** The family a bind address must have; IPv4 sockets take none for the any-address. */
function familyFits(socket: SimSocket, { family, ip }: RawAddress): boolean {
  if (socket.family === AF_INET6) return family === AF_INET6;
  return family === AF_INET || (family === AF_UNSPEC && isAny(ip));
}

/** Ports below a limit need a capability, which root has here. */
function mayBindPort(socket: SimSocket, port: number): boolean {
  const limit = Number(socket.sysctlNumber('net/ipv4/ip_unprivileged_port_start'));
  return port === 0 || port >= limit || socket.kernel.env.current.uid === 0 || socket.capable(CAP_NET_BIND_SERVICE);
}

/** Binds as a program says, if it lets it. */
export function bindSocket(socket: SimSocket, where: SocketAddress | Uint8Array): number {
  const v4 = socket.family === AF_INET;
  const given = encodeAddress(where);
  if (given.length < (v4 ? SOCKADDR_IN_BYTES : SIN6_LEN_RFC2133)) return -EINVAL;
  const hook = v4 ? BPF_CGROUP_INET4_BIND : BPF_CGROUP_INET6_BIND;
  const { err, address } = runAddrHook(socket.cgroups, socket, hook, { address: given });
  return err < 0 ? err : bindAddress(socket, address, { addressOnly: (socket.options.get('0/24') ?? 0) !== 0 });
}

/**
 * Binds without asking about the address. `addressOnly`: port 0 means none yet, and not any that is free.
 * @see net/ipv4/af_inet.c, __inet_bind; net/ipv6/af_inet6.c, __inet6_bind
 */
export function bindAddress(socket: SimSocket, address: Uint8Array, options: { addressOnly: boolean }): number {
  const v4 = socket.family === AF_INET;
  const wanted = decodeAddress(address);
  if (!familyFits(socket, wanted)) return -EAFNOSUPPORT;
  const multicast = !v4 && wanted.ip[0] === 0xff;
  if (multicast) return -EINVAL;
  const ip = v4 ? wanted.ip.subarray(0, 4) : wanted.ip;
  if (v4 && !isLocal(socket, ip)) return -EADDRNOTAVAIL;
  if (!mayBindPort(socket, wanted.port)) return -EACCES;
  if (socket.state !== TCP_CLOSE || socket.local.port !== 0) return -EINVAL;
  if (!v4 && !isLocal(socket, ip)) return -EADDRNOTAVAIL;

  if (wanted.port === 0 && options.addressOnly) {
    setLocal(socket, { ip, port: 0 });
    return 0;
  }
  const port = takePort(socket, { ip, port: wanted.port });
  if (port < 0) return port;
  setLocal(socket, { ip, port });
  const denied = runSockHook(socket.cgroups, socket, v4 ? BPF_CGROUP_INET4_POST_BIND : BPF_CGROUP_INET6_POST_BIND);
  // v5.6 resets the address only: the port stays taken, and the socket cannot be bound again.
  if (denied < 0) setLocal(socket, { ip: new Uint8Array(ip.length), port });
  return denied;
}
