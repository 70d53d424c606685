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
import {
  CarriedStream,
  cloneSkStorage,
  congestionOf,
  createSock,
  freeSock,
  installSocket,
  netOf,
  readField,
  writeField,
  type Sock,
} from '@tsbpf/net';
import type { Cgroups } from '../cgroups.ts';
import { runGetsockoptHook, runSetsockoptHook, type GetResult } from '../sockopt/hook.ts';
import { kernelGetsockopt, kernelSetsockopt } from '../sockopt/kernel-sockopt.ts';
import type { Cgroup } from '../tree/cgroup.ts';
import { writeSockCgroup } from '../tree/structure.ts';
import { countWaiting, SOMAXCONN } from './accept-queue.ts';
import { AF_INET, AF_INET6, type SocketAddress } from './address.ts';
import { bindSocket } from './bind.ts';
import { connectSocket, listenSocket } from './connect.ts';
import { receiveDatagram, sendDatagram, type Datagram, type ReceivedDatagram } from './datagram.ts';
import { PROTOCOLS, SOCK_STREAM } from './kinds.ts';
import { freeParts, initIpv6Part, initTcpSock } from './parts.ts';
import { runSockHook } from './sock-hook.ts';
import { closeStream, pushStream, receiveStream, sendStream, shutdownStream } from './stream.ts';
import { count } from './wire.ts';

/** Members an accepted socket has from the listening one. */
const INHERITED = [
  'sock.sk_sndbuf',
  'sock.sk_rcvbuf',
  'sock.sk_mark',
  'sock.sk_priority',
  'sock_common.skc_bound_dev_if',
  'sock.sk_rcvlowat',
  'inet_sock.tos',
  'tcp_sock.bpf_sock_ops_cb_flags',
  'tcp_sock.snd_cwnd_clamp',
  'tcp_sock.snd_ssthresh',
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

/** A socket's changeable part, as a checkpoint keeps it. */
export interface SavedSocket {
  readonly socket: SimSocket;
  readonly options: ReadonlyMap<string, number>;
  readonly fd: number;
  readonly rest: Pick<SimSocket, 'local' | 'remote' | 'received' | 'pending' | 'peer' | 'closed' | 'gone'>;
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
  local: Endpoint;
  remote: Endpoint | undefined = undefined;
  received: Datagram[] = [];
  /** Connections waiting for accept(2). */
  pending: SimSocket[] = [];
  /** The other end of a connection. */
  peer: SimSocket | undefined = undefined;
  /** The bytes of a TCP socket, which programs of socket maps judge. */
  readonly stream: CarriedStream | undefined;
  closed = false;
  /** Its structure is no more: nobody may look there. */
  gone = false;
  #fd = -1;

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
    if (this.type === SOCK_STREAM) {
      initTcpSock(kernel, sk.off);
      this.stream = new CarriedStream(kernel, sk.off, {
        push: (bytes) => pushStream(this, bytes),
        taken: (lenBytes) => count(this, 'tcp_sock.copied_seq', lenBytes),
      });
    }
    if (this.family === AF_INET6) initIpv6Part(kernel, sk.off);
    writeSockCgroup(kernel, sk.off, this.cgroup);
    netOf(kernel).sockets.add(sk);
    cgroups.hold(this.cgroup);
    cgroups.holdProgs(this.cgroup);
    cgroups.sockets.add(this);
  }

  /**
   * The socket of a connection to this one, which listens: in its cgroup, with its options and its storage. Undefined
   * where there is no room for what it has from the listener.
   */
  makeChild(): SimSocket | undefined {
    const { family, type, protocol, cgroup, kernel, sk } = this;
    const child = new SimSocket(this.cgroups, this.task, { family, type, protocol, cgroup });
    for (const [name, value] of this.options) child.options.set(name, value);
    congestionOf(kernel).controls.inherit(sk.off, child.sk.off);
    for (const path of INHERITED) writeField(kernel, child.sk.off, path, readField(kernel, sk.off, path));
    if (cloneSkStorage(kernel, sk.off, child.sk.off) === 0) return child;
    child.close();
    return undefined;
  }

  /** TCP_CLOSE, TCP_LISTEN, TCP_ESTABLISHED… */
  get state(): number {
    return readField(this.kernel, this.sk.off, 'sock_common.skc_state');
  }

  /**
   * An fd of the process that makes bpf(2) calls, as if it had got the socket from the task (SCM_RIGHTS): what socket
   * maps and per-socket storage take. The same as long as it is open. @errno EMFILE -EMFILE
   */
  fd(): number {
    const { fds } = this.kernel;
    const open = fds.file(this.#fd) as { readonly sock?: Sock } | undefined;
    if (this.#fd < 0 || open?.sock !== this.sk) this.#fd = installSocket(this.kernel, this.sk, () => undefined);
    return this.#fd;
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

  /**
   * listen(2). So many connections and one more wait for accept(2), at most as many as `net/core/somaxconn` says; whoever
   * else asks is not heard. @errno EOPNOTSUPP not a TCP socket @errno EINVAL connected
   */
  listen(backlog: number = SOMAXCONN): number {
    return this.#asTask(() => listenSocket(this, backlog));
  }

  /** accept(2): the oldest waiting connection; undefined where there is none. */
  accept(): SimSocket | undefined {
    const child = this.pending.shift();
    if (child !== undefined) countWaiting(this, -1);
    return child;
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
   * Sends bytes of a connection: how many, or -errno.
   * @errno EPIPE not connected @errno ECONNRESET @errno ETIMEDOUT programs let no segment pass
   */
  send(data: Uint8Array | string): number {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    return this.#asTask(() => sendStream(this, bytes));
  }

  /** Bytes of a connection, none at its end. @errno EAGAIN @errno ENOTCONN @errno ECONNRESET */
  recv(room = 65536): Uint8Array | number {
    return this.#asTask(() => receiveStream(this, room));
  }

  /** shutdown(2): 0 to receive no more, 1 to send no more, 2 for both. @errno ENOTCONN @errno EINVAL */
  shutdown(how: number): number {
    return this.#asTask(() => shutdownStream(this, how));
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

  /** What a checkpoint keeps of it besides kernel memory. */
  save(): SavedSocket {
    const { local, remote, received, pending, peer, closed, gone } = this;
    const rest = { local, remote, received: [...received], pending: [...pending], peer, closed, gone };
    return { socket: this, options: new Map(this.options), fd: this.#fd, rest };
  }

  restore({ options, fd, rest }: SavedSocket): void {
    Object.assign(this, { ...rest, received: [...rest.received], pending: [...rest.pending] });
    this.options.clear();
    for (const [name, value] of options) this.options.set(name, value);
    this.#fd = fd;
    this.kernel.objects.add(this.sk);
  }

  /** close(2). */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#asTask(() => closeStream(this));
    this.gone = true;
    const { kernel, sk } = this;
    this.cgroups.sockets.delete(this);
    netOf(kernel).sockets.remove(sk);
    congestionOf(kernel).controls.forget(sk.off);
    freeParts(kernel, sk.off, this);
    freeSock(kernel, sk);
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
