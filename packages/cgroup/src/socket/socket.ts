// SPDX-License-Identifier: MIT
import {
  BPF_CGROUP_INET_SOCK_CREATE,
  EAFNOSUPPORT,
  EINVAL,
  ENOMEM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  UsageError,
} from '@tsbpf/uapi';
import type { KernelServices, Task } from '@tsbpf/core';
import { createSock, freeSock, netOf, readField, TCP_CLOSE, writeField, type Sock } from '@tsbpf/net';
import type { Cgroups } from '../cgroups.ts';
import { runGetsockoptHook, runSetsockoptHook, type GetResult } from '../sockopt/hook.ts';
import { kernelGetsockopt, kernelSetsockopt } from '../sockopt/kernel-sockopt.ts';
import type { Cgroup } from '../tree/cgroup.ts';
import { writeSockCgroup } from '../tree/structure.ts';
import { AF_INET, AF_INET6, type SocketAddress } from './address.ts';
import { bindSocket } from './bind.ts';
import { connectSocket, listenSocket } from './connect.ts';
import { receiveDatagram, sendDatagram, type Datagram, type ReceivedDatagram } from './datagram.ts';
import { PROTOCOLS, SOCK_STREAM } from './kinds.ts';
import { runSockHook } from './sock-hook.ts';

/** Members an accepted socket has from the listening one. */
const INHERITED = [
  'sock.sk_sndbuf',
  'sock.sk_rcvbuf',
  'sock.sk_mark',
  'sock.sk_priority',
  'sock_common.skc_bound_dev_if',
  'tcp_sock.bpf_sock_ops_cb_flags',
];

export interface SocketOptions {
  /** AF_INET or AF_INET6. */
  readonly family: number;
  /** SOCK_STREAM or SOCK_DGRAM. */
  readonly type: number;
  /** 0 takes the type's own. */
  readonly protocol?: number;
}

/** One end of a socket, in host byte order. */
export interface Endpoint {
  ip: Uint8Array;
  port: number;
}

/**
 * A TCP or UDP socket of a simulated task. It belongs to the cgroup the task was in when it made the socket, and that
 * cgroup's programs run at each call, whichever task makes it.
 */
export class SimSocket {
  readonly cgroups: Cgroups;
  readonly task: Task;
  readonly cgroup: Cgroup;
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly sk: Sock;
  /** Options that are not members of the structure, by level and number. */
  readonly options = new Map<string, number>();
  congestion = 'cubic';
  local: Endpoint;
  remote: Endpoint | undefined = undefined;
  /** TCP_CLOSE, TCP_LISTEN or TCP_ESTABLISHED. */
  state: number = TCP_CLOSE;
  readonly received: Datagram[] = [];
  /** Connections waiting for accept(2). */
  readonly pending: SimSocket[] = [];
  closed = false;

  constructor(cgroups: Cgroups, task: Task, options: Required<SocketOptions> & { cgroup?: Cgroup }) {
    const { kernel } = cgroups;
    this.cgroups = cgroups;
    this.task = task;
    this.family = options.family;
    this.type = options.type;
    this.protocol = options.protocol;
    this.cgroup = options.cgroup ?? cgroups.cgroupOf(task);
    this.local = { ip: new Uint8Array(this.family === AF_INET ? 4 : 16), port: 0 };
    const struct = PROTOCOLS[this.type]?.struct ?? 'inet_sock';
    const sk = createSock(kernel, { netns: netOf(kernel).initNs, struct, uid: task.uid });
    if (sk === undefined) throw new UsageError('kernel memory is exhausted: no room for a socket', { errno: ENOMEM });
    this.sk = sk;
    const put = (path: string, value: number): void => writeField(kernel, sk.off, path, value);
    put('sock_common.skc_family', this.family);
    put('sock.sk_type', this.type);
    put('sock.sk_protocol', this.protocol);
    put(
      'sock.sk_sndbuf',
      Number(this.sysctlNumber(this.type === SOCK_STREAM ? 'net/ipv4/tcp_wmem' : 'net/core/wmem_default', 1)),
    );
    put(
      'sock.sk_rcvbuf',
      Number(this.sysctlNumber(this.type === SOCK_STREAM ? 'net/ipv4/tcp_rmem' : 'net/core/rmem_default', 1)),
    );
    writeSockCgroup(kernel, sk.off, this.cgroup);
    cgroups.hold(this.cgroup);
    cgroups.holdProgs(this.cgroup);
    cgroups.sockets.add(this);
  }

  /** The socket of a connection to this one, which listens: in its cgroup, with its options. */
  makeChild(): SimSocket {
    const { family, type, protocol, cgroup, kernel, sk } = this;
    const child = new SimSocket(this.cgroups, this.task, { family, type, protocol, cgroup });
    for (const [name, value] of this.options) child.options.set(name, value);
    child.congestion = this.congestion;
    for (const path of INHERITED) writeField(kernel, child.sk.off, path, readField(kernel, sk.off, path));
    return child;
  }

  get kernel(): KernelServices {
    return this.cgroups.kernel;
  }

  capable(cap: number): boolean {
    return this.kernel.env.capable(cap);
  }

  /** A number of a sysctl; the only one where it has fewer. */
  sysctlNumber(name: string, index = 0): bigint {
    const { value } = this.cgroups.sysctls.get(name);
    return typeof value === 'string' ? 0n : (value[index] ?? value[0] ?? 0n);
  }

  #asTask<T>(action: () => T): T {
    const { env } = this.kernel;
    const outer = env.current;
    env.current = this.task;
    try {
      return action();
    } finally {
      env.current = outer;
    }
  }

  /**
   * bind(2). @errno EINVAL bound already, or a short address @errno EADDRINUSE @errno EADDRNOTAVAIL @errno EACCES a
   * privileged port @errno EAFNOSUPPORT @errno EPERM a program denies it
   */
  bind(address: SocketAddress | Uint8Array): number {
    return this.#asTask(() => bindSocket(this, address));
  }

  /**
   * connect(2). @errno EPERM a program denies it @errno ECONNREFUSED nobody listens @errno ENETUNREACH not an address
   * of this machine @errno EINVAL a short address @errno EAFNOSUPPORT @errno EISCONN
   */
  connect(address: SocketAddress | Uint8Array): number {
    return this.#asTask(() => connectSocket(this, address));
  }

  /** listen(2). @errno EOPNOTSUPP not a TCP socket @errno EINVAL connected */
  listen(): number {
    return this.#asTask(() => listenSocket(this));
  }

  /** accept(2): the oldest waiting connection; undefined where there is none. */
  accept(): SimSocket | undefined {
    return this.pending.shift();
  }

  /**
   * sendto(2) of a datagram; without a destination to the connected one. Bytes sent, or -errno.
   * @errno EPERM a program denies it @errno EINVAL port 0, or a short address @errno EDESTADDRREQ @errno ENOTSUPP a
   * program made an IPv6 destination an IPv4 one
   */
  sendto(data: Uint8Array | string, address?: SocketAddress | Uint8Array): number {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    return this.#asTask(() => sendDatagram(this, bytes, address));
  }

  /** recvfrom(2): the oldest datagram and where it came from, as programs say. @errno EAGAIN there is none */
  recvfrom(): ReceivedDatagram | number {
    return this.#asTask(() => receiveDatagram(this));
  }

  /**
   * setsockopt(2). A number is an int. `optlen` other than the bytes' number is what a careless program would pass.
   * @errno EPERM a program denies it @errno ENOPROTOOPT no such option @errno EINVAL @errno EFAULT
   */
  setsockopt(level: number, optname: number, value: Uint8Array | number, optlen?: number): number {
    const optval = typeof value === 'number' ? new Uint8Array(new Int32Array([value]).buffer) : value;
    const len = optlen ?? optval.length;
    if (len < 0) return -EINVAL;
    return this.#asTask(() => {
      const call = runSetsockoptHook(this.cgroups, this, { level, optname, optval, optlen: len });
      return typeof call === 'number' ? call : kernelSetsockopt(this, call);
    });
  }

  /**
   * getsockopt(2) into a buffer of `room` bytes (or one given, whose contents are kept where nothing is written).
   * Answers the result, the buffer and the length as the call leaves them.
   */
  getsockopt(level: number, optname: number, room: number | Uint8Array = 4, optlen?: number): GetResult {
    const optval = typeof room === 'number' ? new Uint8Array(Math.max(0, room)) : room;
    const len = optlen ?? (typeof room === 'number' ? room : room.length);
    return this.#asTask(() => {
      const answer = kernelGetsockopt(this, { level, optname, optval, optlen: len });
      return runGetsockoptHook(this.cgroups, this, { level, optname, room: len, answer });
    });
  }

  /** close(2). */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.pending.splice(0).forEach((socket) => socket.close());
    this.cgroups.sockets.delete(this);
    freeSock(this.kernel, this.sk);
    this.cgroups.putProgs(this.cgroup);
    this.cgroups.put(this.cgroup);
  }
}

/**
 * socket(2) by a task.
 * @errno EAFNOSUPPORT neither AF_INET nor AF_INET6
 * @errno ESOCKTNOSUPPORT neither SOCK_STREAM nor SOCK_DGRAM
 * @errno EPROTONOSUPPORT a protocol of another type
 * @errno EPERM a program denies it
 */
export function openSocket(cgroups: Cgroups, task: Task, options: SocketOptions): SimSocket | number {
  const { family, type, protocol = 0 } = options;
  if (family !== AF_INET && family !== AF_INET6) return -EAFNOSUPPORT;
  const known = PROTOCOLS[type];
  if (known === undefined) return -ESOCKTNOSUPPORT;
  if (protocol !== 0 && protocol !== known.protocol) return -EPROTONOSUPPORT;
  const socket = new SimSocket(cgroups, task, { family, type, protocol: known.protocol });
  const err = runSockHook(cgroups, socket, BPF_CGROUP_INET_SOCK_CREATE);
  if (err === 0) return socket;
  socket.close();
  return err;
}
