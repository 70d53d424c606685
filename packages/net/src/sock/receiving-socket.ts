// SPDX-License-Identifier: MIT
// Sockets that wait for what packets bring: datagrams, or requests for connections.
import { EADDRINUSE, EMFILE, UsageError } from '@tsbpf/uapi';
import { formatIpv4, formatIpv6 } from '@tsbpf/capture';
import type { KernelServices, SubsystemKey } from '@tsbpf/core';
import { writeField } from '../dev/fields.ts';
import type { Net } from '../net-state.ts';
import { joinGroup, leaveGroup, sharesPort } from '../reuseport/group.ts';
import { addInetSocket, type InetSocketOptions } from './inet-sock.ts';
import { AF_INET, type SockTuple } from './sock-table.ts';
import type { Sock } from './sock.ts';
import { installSocket } from './socket-file.ts';

/** What a socket got. */
export interface Received {
  /** The datagram's payload; empty for a request for a connection. */
  readonly data: Uint8Array;
  /** Who sent it. */
  readonly from: { readonly ip: string; readonly port: number };
}

export interface ReceivingSocketOptions extends Omit<InetSocketOptions, 'remote'> {
  /** SO_REUSEPORT: others with it may have the same address and port. */
  readonly reuseport?: boolean;
}

const RECEIVERS: SubsystemKey<Map<number, ReceivingSocket>> = { name: 'net receivers', create: () => new Map() };

/** The socket object behind a socket in kernel memory; undefined for sockets that keep nothing. */
export function receiverOf(kernel: KernelServices, sk: number): ReceivingSocket | undefined {
  return kernel.subsystem(RECEIVERS).get(sk);
}

const port = (raw: number): number => ((raw & 0xff) << 8) | (raw >>> 8);

/** A bound UDP socket, or a TCP socket that listens. */
export class ReceivingSocket {
  readonly net: Net;
  readonly sock: Sock;
  readonly fd: number;
  readonly #received: Received[] = [];
  #open = true;

  /**
   * @errno EADDRINUSE UsageError: another socket has the address and port, and one of them does not share
   * @errno EMFILE UsageError
   */
  constructor(net: Net, options: ReceivingSocketOptions) {
    const { reuseport = false, ...given } = options;
    const inet = { ...given, netns: given.netns ?? net.processNs };
    const { kernel } = net;
    this.net = net;
    this.sock = addInetSocket(net, inet);
    if (reuseport) writeField(kernel, this.sock.off, 'sock_common.skc_reuseport', 1);
    const { local } = options;
    const taken = [...kernel.subsystem(RECEIVERS).values()].some(
      (other) => other.#isAt(inet) && !(reuseport && sharesPort(kernel, other.sock.off)),
    );
    if (taken) {
      net.removeSocket(this.sock);
      throw new UsageError(
        `${options.protocol} port ${local.port} is taken; sockets that share it all need reuseport`,
        {
          errno: EADDRINUSE,
        },
      );
    }
    this.#at = inet;
    if (reuseport) joinGroup(net, this.sock.off, { inany: local.ip === undefined });
    kernel.subsystem(RECEIVERS).set(this.sock.off, this);
    this.fd = installSocket(kernel, this.sock, () => this.#end());
    if (this.fd < 0) {
      this.#end();
      throw new UsageError('no free file descriptor for a socket', { errno: EMFILE });
    }
  }

  readonly #at: ReceivingSocketOptions;

  #isAt({ protocol, local, netns }: ReceivingSocketOptions): boolean {
    const mine = this.#at;
    const sameIp = mine.local.ip === local.ip || mine.local.ip === undefined || local.ip === undefined;
    return mine.protocol === protocol && mine.local.port === local.port && sameIp && mine.netns === netns;
  }

  /** What it got so far, oldest first. */
  get received(): readonly Received[] {
    return this.#received;
  }

  /** Takes what it got. */
  drain(): Received[] {
    return this.#received.splice(0);
  }

  /** Something arrives. */
  take(data: Uint8Array, tuple: SockTuple): void {
    const ip = tuple.family === AF_INET ? formatIpv4(tuple.saddr) : formatIpv6(tuple.saddr);
    this.#received.push({ data, from: { ip, port: port(tuple.sport) } });
  }

  close(): void {
    if (this.#open) this.net.kernel.fds.close(this.fd);
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    const { kernel } = this.net;
    kernel.subsystem(RECEIVERS).delete(this.sock.off);
    leaveGroup(kernel, this.sock.off);
    this.net.removeSocket(this.sock);
  }
}
