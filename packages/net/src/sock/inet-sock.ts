// SPDX-License-Identifier: MIT
// TCP and UDP sockets as a test puts them into a kernel: what lookups find. They carry no data.
import { EINVAL, ENOMEM, UsageError } from '@tsbpf/uapi';
import { parseIpv4, parseIpv6 } from '@tsbpf/capture';
import { readField, writeField } from '../dev/fields.ts';
import type { NetNamespace } from '../dev/namespace.ts';
import type { Net } from '../net-state.ts';
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP } from './sock-table.ts';
import { createSock, freeSock, TCP_CLOSE, TCP_LISTEN, type Sock } from './sock.ts';

const TCP_ESTABLISHED = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
/** The flag of sockets that need no reference while a program looks at them. @see include/net/sock.h, SOCK_RCU_FREE */
const SOCK_RCU_FREE = 0x800000;

/** One end of a socket. */
export interface SockEnd {
  /** `10.0.0.1` or `2001:db8::1`; any address by default. */
  readonly ip?: string;
  readonly port: number;
}

export interface InetSocketOptions {
  readonly protocol: 'tcp' | 'udp';
  /** Default 4, or what the addresses are. */
  readonly version?: 4 | 6;
  readonly local: SockEnd;
  /** With it a TCP socket is established, without it listens. */
  readonly remote?: SockEnd;
  readonly uid?: number;
  readonly netns?: NetNamespace;
}

function bytesOf(ip: string | undefined, version: 4 | 6): Uint8Array {
  const lenBytes = version === 4 ? 4 : 16;
  if (ip === undefined) return new Uint8Array(lenBytes);
  const bytes = version === 4 ? parseIpv4(ip) : parseIpv6(ip);
  if (bytes.length !== lenBytes) throw new UsageError(`${ip} is no IPv${version} address`, { errno: EINVAL });
  return bytes;
}

/** Whether programs may hold the socket without a reference. */
export function isRcuFree(net: Net, sk: number): boolean {
  return (readField(net.kernel, sk, 'sock_common.skc_flags') & SOCK_RCU_FREE) !== 0;
}

/** Puts a socket into the kernel, where lookups find it. @errno ENOMEM UsageError */
export function addInetSocket(net: Net, options: InetSocketOptions): Sock {
  const { kernel } = net;
  const tcp = options.protocol === 'tcp';
  const guess = [options.local.ip, options.remote?.ip].some((ip) => ip?.includes(':') === true) ? 6 : 4;
  const version = options.version ?? guess;
  const sock = createSock(kernel, {
    netns: options.netns ?? net.processNs,
    struct: tcp ? 'tcp_sock' : 'inet_sock',
    ...(options.uid === undefined ? {} : { uid: options.uid }),
  });
  if (sock === undefined) throw new UsageError('kernel memory is exhausted: no room for a socket', { errno: ENOMEM });
  const set = (path: string, value: number): void => writeField(kernel, sock.off, path, value);
  const setAddr = (member: string, end: SockEnd | undefined): void => {
    const at = kernel.types.resolve(`sock_common.${member}`).off;
    kernel.mem.writeBytes(sock.off + at, bytesOf(end?.ip, version));
  };
  setAddr(version === 4 ? 'skc_rcv_saddr' : 'skc_v6_rcv_saddr', options.local);
  setAddr(version === 4 ? 'skc_daddr' : 'skc_v6_daddr', options.remote);
  set('sock_common.skc_family', version === 4 ? AF_INET : AF_INET6);
  set('sock_common.skc_num', options.local.port);
  const remotePort = options.remote?.port ?? 0;
  set('sock_common.skc_dport', ((remotePort & 0xff) << 8) | (remotePort >>> 8));
  const connected = options.remote !== undefined;
  set('sock_common.skc_state', connected ? TCP_ESTABLISHED : tcp ? TCP_LISTEN : TCP_CLOSE);
  set('sock.sk_protocol', tcp ? IPPROTO_TCP : IPPROTO_UDP);
  set('sock.sk_type', tcp ? SOCK_STREAM : SOCK_DGRAM);
  if (!tcp || !connected) set('sock_common.skc_flags', SOCK_RCU_FREE);
  net.sockets.add(sock);
  return sock;
}

/** Takes a socket out of the kernel. */
export function removeInetSocket(net: Net, sock: Sock): void {
  net.sockets.remove(sock);
  net.kernel.rcu.callRcu(() => freeSock(net.kernel, sock));
}
