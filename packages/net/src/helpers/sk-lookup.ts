// SPDX-License-Identifier: MIT
// Finding sockets. @see net/core/filter.c, bpf_sk_lookup and its siblings
import { defineHelper, type HelperFn, type HelperImpl, type HelperRow, type KernelServices } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { readField, writeField } from '../dev/fields.ts';
import { xdpLayout } from '../dev/layout.ts';
import type { NetNamespace } from '../dev/namespace.ts';
import { readPointer } from '../dev/pointer.ts';
import { netOf } from '../net-state.ts';
import { Skb } from '../skb/skb.ts';
import { isRcuFree } from '../sock/inet-sock.ts';
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, type SockTuple } from '../sock/sock-table.ts';
import { isFullSock, TCP_LISTEN, type Sock } from '../sock/sock.ts';
import { XdpBuff } from '../xdp/xdp-buff.ts';

/** Where a lookup starts from: the namespace, and the device a packet came in by (0: none). */
interface Place {
  readonly netns: NetNamespace | undefined;
  readonly ifindex: number;
}
type PlaceOf = (kernel: KernelServices, ctx: number) => Place;

function ofDevice(kernel: KernelServices, off: number): Place {
  const device = kernel.objects.get<NetDevice>(off, 'netdev');
  return { netns: device?.netns, ifindex: device?.ifindex ?? 0 };
}

function ofSock(kernel: KernelServices, sk: number): Place {
  return { netns: kernel.objects.get<Sock>(sk, 'sock')?.netns, ifindex: 0 };
}

const places: Readonly<Record<'skb' | 'xdp' | 'sockAddr', PlaceOf>> = {
  skb(kernel, ctx) {
    const skb = new Skb(kernel, ctx);
    return skb.dev === 0 ? ofSock(kernel, skb.sk) : ofDevice(kernel, skb.dev);
  },
  xdp: (kernel, ctx) =>
    ofDevice(kernel, readPointer(kernel.mem, new XdpBuff(kernel, ctx).rxq + xdpLayout(kernel).rxqDev)),
  sockAddr: (kernel, ctx) =>
    ofSock(kernel, readPointer(kernel.mem, ctx + kernel.types.resolve('bpf_sock_addr_kern.sk').off)),
};

/** Bytes of `struct bpf_sock_tuple` for each family. */
const IPV4_TUPLE = 12;
const IPV6_TUPLE = 36;

function tupleAt(kernel: KernelServices, off: number, lenBytes: number): SockTuple | undefined {
  const addr = { [IPV4_TUPLE]: 4, [IPV6_TUPLE]: 16 }[lenBytes];
  if (addr === undefined) return undefined;
  return {
    family: addr === 4 ? AF_INET : AF_INET6,
    saddr: kernel.mem.readBytes(off, addr),
    daddr: kernel.mem.readBytes(off + addr, addr),
    sport: kernel.mem.read16(off + 2 * addr),
    dport: kernel.mem.read16(off + 2 * addr + 2),
  };
}

/**
 * A socket and a reference to it, or NULL. Namespaces other than the caller's own have no numbers here, so naming one
 * finds nothing.
 */
function lookup(placeOf: PlaceOf, protocol: number, options: { full: boolean }): HelperImpl {
  const call: HelperFn = ({ kernel, argHi }, ctx, tupleOff, len, netnsId, flags) => {
    const tuple = tupleAt(kernel, tupleOff >>> 0, len >>> 0);
    if (tuple === undefined || flags !== 0 || argHi[5] !== 0 || netnsId >= 0) return 0;
    const { netns, ifindex } = placeOf(kernel, ctx >>> 0);
    if (netns === undefined) return 0;
    const net = netOf(kernel);
    const sock = net.sockets.lookup(netns, protocol, tuple, ifindex);
    if (sock === undefined || (options.full && !isFullSock(kernel, sock.off))) return 0;
    if (!isRcuFree(net, sock.off)) addReference(kernel, sock.off, 1);
    return sock.off;
  };
  return { retWidth: 'ptr', wideArgs: [5], call };
}

function addReference(kernel: KernelServices, sk: number, by: number): void {
  const refs = readField(kernel, sk, 'sock_common.skc_refcnt');
  writeField(kernel, sk, 'sock_common.skc_refcnt', refs + by);
}

/** Helpers that find sockets and let go of them. */
export const skLookupHelpers: readonly HelperRow[] = [
  defineHelper('bpf_sk_lookup_tcp', lookup(places.skb, IPPROTO_TCP, { full: true })),
  defineHelper('bpf_sk_lookup_udp', lookup(places.skb, IPPROTO_UDP, { full: true })),
  defineHelper('bpf_skc_lookup_tcp', lookup(places.skb, IPPROTO_TCP, { full: false })),
  defineHelper('bpf_xdp_sk_lookup_tcp', lookup(places.xdp, IPPROTO_TCP, { full: true })),
  defineHelper('bpf_xdp_sk_lookup_udp', lookup(places.xdp, IPPROTO_UDP, { full: true })),
  defineHelper('bpf_xdp_skc_lookup_tcp', lookup(places.xdp, IPPROTO_TCP, { full: false })),
  defineHelper('bpf_sock_addr_sk_lookup_tcp', lookup(places.sockAddr, IPPROTO_TCP, { full: true })),
  defineHelper('bpf_sock_addr_sk_lookup_udp', lookup(places.sockAddr, IPPROTO_UDP, { full: true })),
  defineHelper('bpf_sock_addr_skc_lookup_tcp', lookup(places.sockAddr, IPPROTO_TCP, { full: false })),
  defineHelper('bpf_sk_release', {
    retWidth: 'sext',
    call({ kernel }, sk) {
      if (!isRcuFree(netOf(kernel), sk >>> 0)) addReference(kernel, sk >>> 0, -1);
      return 0;
    },
  }),
  defineHelper('bpf_get_listener_sock', {
    retWidth: 'ptr',
    call({ kernel }, sk) {
      const listens = readField(kernel, sk >>> 0, 'sock_common.skc_state') === TCP_LISTEN;
      return listens && isRcuFree(netOf(kernel), sk >>> 0) ? sk : 0;
    },
  }),
];
