// SPDX-License-Identifier: MIT
// Which socket a packet belongs to. @see net/ipv4/inet_hashtables.c, __inet_lookup; net/ipv4/udp.c, __udp4_lib_lookup
import type { KernelServices } from '@tsbpf/core';
import { readField } from '../dev/fields.ts';
import type { NetNamespace } from '../dev/namespace.ts';
import { TCP_CLOSE, TCP_LISTEN, type Sock } from './sock.ts';

export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** The two ends as a packet has them: the destination is this host's. Addresses and ports in network order. */
export interface SockTuple {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly saddr: Uint8Array;
  readonly daddr: Uint8Array;
  /** As 16 bits in memory order. */
  readonly sport: number;
  readonly dport: number;
}

const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);
const isAny = (addr: Uint8Array): boolean => addr.every((byte) => byte === 0);
const same = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);

/** A socket's addresses, as a lookup of a family compares them. */
class Ends {
  readonly kernel: KernelServices;
  readonly sk: number;

  constructor(kernel: KernelServices, sk: number) {
    this.kernel = kernel;
    this.sk = sk;
  }
  get(member: string): number {
    return readField(this.kernel, this.sk, `sock_common.${member}`);
  }
  addr(member: string, lenBytes: number): Uint8Array {
    return this.kernel.mem.readBytes(this.sk + this.kernel.types.resolve(`sock_common.${member}`).off, lenBytes);
  }
  local(family: number): Uint8Array {
    return family === AF_INET ? this.addr('skc_rcv_saddr', 4) : this.addr('skc_v6_rcv_saddr', 16);
  }
  remote(family: number): Uint8Array {
    return family === AF_INET ? this.addr('skc_daddr', 4) : this.addr('skc_v6_daddr', 16);
  }
  /** Whether the socket speaks the family at all: one of IPv6 may take IPv4, too. */
  speaks(family: number): boolean {
    const own = this.get('skc_family');
    return own === family || (family === AF_INET && own === AF_INET6 && this.get('skc_ipv6only') === 0);
  }
}

/** Sockets that packets find, in the order they were added. */
export class SockTable {
  readonly #kernel: KernelServices;
  #socks: readonly Sock[] = [];

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
  }

  /** The sockets in it; assign to restore. */
  get socks(): readonly Sock[] {
    return this.#socks;
  }
  set socks(socks: readonly Sock[]) {
    this.#socks = socks;
  }
  add(sock: Sock): void {
    this.#socks = [...this.#socks, sock];
  }
  remove(sock: Sock): void {
    this.#socks = this.#socks.filter((other) => other !== sock);
  }

  /** The best match, or undefined: connected sockets before those that wait, specific addresses before any. */
  lookup(netns: NetNamespace, protocol: number, tuple: SockTuple, ifindex: number): Sock | undefined {
    let best: Sock | undefined;
    let bestScore = 0;
    for (const sock of this.#socks) {
      if (sock.netns !== netns || readField(this.#kernel, sock.off, 'sock.sk_protocol') !== protocol) continue;
      const score = this.#score(new Ends(this.#kernel, sock.off), protocol, tuple, ifindex);
      if (score > bestScore) [best, bestScore] = [sock, score];
    }
    return best;
  }

  #score(ends: Ends, protocol: number, tuple: SockTuple, ifindex: number): number {
    const { family, daddr, saddr, dport, sport } = tuple;
    const bound = ends.get('skc_bound_dev_if');
    if (!ends.speaks(family) || ends.get('skc_num') !== swap16(dport) || (bound !== 0 && bound !== ifindex)) return 0;
    const local = ends.local(family);
    const remote = ends.remote(family);
    const remotePort = ends.get('skc_dport');
    const own = ends.get('skc_family') === family ? 2 : 1;
    if (protocol === IPPROTO_TCP) {
      const state = ends.get('skc_state');
      if (state === TCP_CLOSE) return 0;
      if (state !== TCP_LISTEN) return same(local, daddr) && same(remote, saddr) && remotePort === sport ? 1000 : 0;
    } else {
      if (!isAny(remote) && !same(remote, saddr)) return 0;
      if (remotePort !== 0 && remotePort !== sport) return 0;
    }
    const anyLocal = isAny(local);
    if (!anyLocal && !same(local, daddr)) return 0;
    return (anyLocal ? 0 : 100) + own + (isAny(remote) ? 0 : 4) + (remotePort === 0 ? 0 : 4) + (bound === 0 ? 0 : 4);
  }
}
