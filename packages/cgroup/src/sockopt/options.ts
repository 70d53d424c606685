// SPDX-License-Identifier: MIT
// Socket options of the simulated kernel, as tables. @see net/core/sock.c, net/ipv4/ip_sockglue.c, net/ipv4/tcp.c
import { CAP_NET_ADMIN, EINVAL, ENOPROTOOPT, ENOSYS, EPERM, NotSupportedError } from '@tsbpf/uapi';
import { congestionOf, readField, writeField } from '@tsbpf/net';
import { AF_INET6 } from '../socket/address.ts';
import { SOCK_STREAM } from '../socket/kinds.ts';
import type { SimSocket } from '../socket/socket.ts';

export const SOL_IP = 0;
export const SOL_SOCKET = 1;
export const SOL_TCP = 6;
export const SOL_IPV6 = 41;
const SOL_UDP = 17;
const IPPROTO_TCP = 6;
const CAP_NET_RAW = 13;
const INET_ECN_MASK = 3;
/** Priorities by the two bits that say throughput and delay. @see net/ipv4/route.c, ip_tos2prio */
const TOS_PRIORITY = [0, 2, 6, 4];
const INT_MAX = 0x7fffffff;
/** @see include/net/sock.h, SOCK_MIN_SNDBUF */
export const SOCK_MIN_SNDBUF = 4608;
export const SOCK_MIN_RCVBUF = 2304;

/** An option of 4 bytes. */
export interface IntOption {
  readonly level: number;
  readonly optname: number;
  /** 0 or -errno; absent for options that can only be read. */
  set?(socket: SimSocket, value: number): number;
  get?(socket: SimSocket): number;
}

/** Kept in a member of the socket's structure. */
const member = (level: number, optname: number, path: string) =>
  ({
    level,
    optname,
    set(socket, value) {
      writeField(socket.kernel, socket.sk.off, path, value);
      return 0;
    },
    get: (socket) => readField(socket.kernel, socket.sk.off, path) | 0,
  }) satisfies IntOption;

/** Kept beside the socket. */
const plain = (level: number, optname: number, initial: number, check = (value: number): number | undefined => value) =>
  ({
    level,
    optname,
    set(socket, value) {
      const kept = check(value);
      if (kept === undefined) return -EINVAL;
      socket.options.set(`${level}/${optname}`, kept);
      return 0;
    },
    get: (socket) => socket.options.get(`${level}/${optname}`) ?? initial,
  }) satisfies IntOption;

const flag = (value: number): number => (value === 0 ? 0 : 1);
const between = (min: number, max: number) => (value: number) => (value < min || value > max ? undefined : value);

/** Buffers: what is asked for is limited by a sysctl, doubled, and never less than a minimum. */
function buffer(optname: number, path: string, limit: { sysctl?: string; min: number }): IntOption {
  return {
    level: SOL_SOCKET,
    optname,
    set(socket, value) {
      if (limit.sysctl === undefined && !socket.capable(CAP_NET_ADMIN)) return -EPERM;
      const most = limit.sysctl === undefined ? 0xffffffff : Number(socket.sysctlNumber(limit.sysctl));
      const asked = limit.sysctl === undefined ? Math.max(0, value) : Math.min(value >>> 0, most);
      const granted = Math.min(asked | 0, Math.floor(INT_MAX / 2));
      writeField(socket.kernel, socket.sk.off, path, Math.max(granted * 2, limit.min));
      return 0;
    },
    get: (socket) => readField(socket.kernel, socket.sk.off, path) | 0,
  };
}

const readOnly = (optname: number, get: (socket: SimSocket) => number): IntOption => ({
  level: SOL_SOCKET,
  optname,
  get,
});

const INT_OPTIONS: readonly IntOption[] = [
  plain(SOL_SOCKET, 2, 0, flag), // SO_REUSEADDR
  readOnly(3, (socket) => socket.type), // SO_TYPE
  readOnly(4, () => 0), // SO_ERROR
  plain(SOL_SOCKET, 5, 0, flag), // SO_DONTROUTE
  plain(SOL_SOCKET, 6, 0, flag), // SO_BROADCAST
  buffer(7, 'sock.sk_sndbuf', { sysctl: 'net/core/wmem_max', min: SOCK_MIN_SNDBUF }),
  buffer(8, 'sock.sk_rcvbuf', { sysctl: 'net/core/rmem_max', min: SOCK_MIN_RCVBUF }),
  plain(SOL_SOCKET, 9, 0, flag), // SO_KEEPALIVE
  {
    // SO_PRIORITY: more than 6 is for administrators.
    ...member(SOL_SOCKET, 12, 'sock.sk_priority'),
    set(socket, value) {
      if ((value < 0 || value > 6) && !socket.capable(CAP_NET_ADMIN)) return -EPERM;
      writeField(socket.kernel, socket.sk.off, 'sock.sk_priority', value);
      return 0;
    },
  },
  plain(SOL_SOCKET, 15, 0, flag), // SO_REUSEPORT
  buffer(32, 'sock.sk_sndbuf', { min: SOCK_MIN_SNDBUF }), // SO_SNDBUFFORCE
  buffer(33, 'sock.sk_rcvbuf', { min: SOCK_MIN_RCVBUF }), // SO_RCVBUFFORCE
  {
    ...member(SOL_SOCKET, 36, 'sock.sk_mark'), // SO_MARK
    set(socket, value) {
      if (!socket.capable(CAP_NET_ADMIN)) return -EPERM;
      writeField(socket.kernel, socket.sk.off, 'sock.sk_mark', value);
      return 0;
    },
  },
  readOnly(38, (socket) => socket.protocol), // SO_PROTOCOL
  readOnly(39, (socket) => socket.family), // SO_DOMAIN
  {
    // IP_TOS: TCP keeps the two bits that are ECN's, and the priority follows.
    ...member(SOL_IP, 1, 'inet_sock.tos'),
    set(socket, value) {
      const { kernel, sk } = socket;
      const old = readField(kernel, sk.off, 'inet_sock.tos');
      const tos = socket.type === SOCK_STREAM ? (value & ~INET_ECN_MASK) | (old & INET_ECN_MASK) : value;
      if (tos === old) return 0;
      writeField(kernel, sk.off, 'inet_sock.tos', tos & 0xff);
      writeField(kernel, sk.off, 'sock.sk_priority', TOS_PRIORITY[(tos & 0x18) >> 3] as number);
      return 0;
    },
  },
  plain(SOL_IP, 2, 64, (value) => (value === -1 ? 64 : between(1, 255)(value))), // IP_TTL
  plain(SOL_IP, 6, 0, flag), // IP_RECVOPTS
  plain(SOL_IP, 7, 0, flag), // IP_RETOPTS
  plain(SOL_IP, 8, 0, flag), // IP_PKTINFO
  plain(SOL_IP, 10, 1, between(0, 5)), // IP_MTU_DISCOVER
  plain(SOL_IP, 11, 0, flag), // IP_RECVERR
  plain(SOL_IP, 12, 0, flag), // IP_RECVTTL
  plain(SOL_IP, 13, 0, flag), // IP_RECVTOS
  plain(SOL_IP, 15, 0, flag), // IP_FREEBIND
  {
    ...plain(SOL_IP, 19, 0, flag), // IP_TRANSPARENT
    set(socket, value) {
      if (value !== 0 && !socket.capable(CAP_NET_RAW) && !socket.capable(CAP_NET_ADMIN)) return -EPERM;
      socket.options.set(`${SOL_IP}/19`, flag(value));
      return 0;
    },
  },
  plain(SOL_IP, 20, 0, flag), // IP_RECVORIGDSTADDR
  plain(SOL_IP, 21, 0, between(0, 255)), // IP_MINTTL
  plain(SOL_IP, 24, 0, flag), // IP_BIND_ADDRESS_NO_PORT
  plain(SOL_IPV6, 26, 0, flag), // IPV6_V6ONLY
  plain(SOL_TCP, 1, 0, flag), // TCP_NODELAY
  plain(SOL_TCP, 3, 0, flag), // TCP_CORK
  plain(SOL_TCP, 4, 7200, between(1, 32767)), // TCP_KEEPIDLE
  plain(SOL_TCP, 5, 75, between(1, 32767)), // TCP_KEEPINTVL
  plain(SOL_TCP, 6, 9, between(1, 127)), // TCP_KEEPCNT
];

/** TCP_CONGESTION and the algorithms there are. */
const TCP_CONGESTION = 13;
const TCP_CA_NAME_MAX = 16;

export type OptionTarget =
  | { readonly kind: 'int'; readonly option: IntOption }
  | { readonly kind: 'congestion' }
  | { readonly kind: 'none'; readonly errno: number };

/** Options v5.6 has, by level: first and last of each row of numbers. Those not simulated are not answered at all. */
const KNOWN_OPTIONS: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  [SOL_SOCKET]: [[1, 68]],
  // Options of multicast, of packet filters, of routing daemons.
  [SOL_IP]: [
    [1, 25],
    [32, 50],
    [64, 67],
    [80, 80],
    [96, 99],
    [200, 211],
  ],
  [SOL_TCP]: [[1, 37]],
  [SOL_IPV6]: [[1, 255]],
};

function isKnown(socket: SimSocket, level: number, optname: number): boolean {
  if (level === SOL_UDP && socket.protocol === SOL_UDP) return optname >= 1 && optname <= 255;
  return KNOWN_OPTIONS[level]?.some(([first, last]) => optname >= first && optname <= last) ?? false;
}

/**
 * What an option is. Levels a socket does not have, and options no kernel has, are -ENOPROTOOPT.
 * @errno ENOSYS NotSupportedError: Linux has the option, the simulation does not
 */
export function findOption(socket: SimSocket, level: number, optname: number): OptionTarget {
  const none: OptionTarget = { kind: 'none', errno: ENOPROTOOPT };
  if (level === SOL_IPV6 && socket.family !== AF_INET6) return none;
  if (level === SOL_TCP && socket.protocol !== IPPROTO_TCP) return none;
  if (level === SOL_TCP && optname === TCP_CONGESTION) return { kind: 'congestion' };
  const option = INT_OPTIONS.find((one) => one.level === level && one.optname === optname);
  if (option !== undefined) return { kind: 'int', option };
  if (!isKnown(socket, level, optname)) return none;
  throw new NotSupportedError(`socket option ${optname} of level ${level} is not simulated`, {
    errno: ENOSYS,
    feature: `socket option ${level}/${optname}`,
  });
}

/** Sets the congestion control by name. @errno ENOENT no such algorithm @errno EINVAL no name */
export function setCongestion(socket: SimSocket, bytes: Uint8Array): number {
  if (bytes.length < 1) return -EINVAL;
  const end = bytes.subarray(0, TCP_CA_NAME_MAX - 1).findIndex((byte) => byte === 0);
  const name = new TextDecoder().decode(bytes.subarray(0, end < 0 ? TCP_CA_NAME_MAX - 1 : end));
  const change = { load: true, reinit: true, privileged: socket.capable(CAP_NET_ADMIN) };
  return congestionOf(socket.kernel).controls.set(socket.sk.off, name, change);
}

/** The name, padded with NUL to the 16 bytes the kernel answers. */
export function congestionBytes(socket: SimSocket): Uint8Array {
  const out = new Uint8Array(TCP_CA_NAME_MAX);
  new TextEncoder().encodeInto(congestionOf(socket.kernel).controls.nameOf(socket.sk.off), out);
  return out;
}
