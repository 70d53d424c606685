// SPDX-License-Identifier: MIT
// bpf_fib_lookup: how a packet would be forwarded. @see net/core/filter.c, bpf_ipv4_fib_lookup, bpf_ipv6_fib_lookup
import { EACCES, EAFNOSUPPORT, EHOSTUNREACH, EINVAL, ENODEV } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperRow, type KernelServices } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { xdpLayout } from '../dev/layout.ts';
import type { NetNamespace } from '../dev/namespace.ts';
import { readPointer } from '../dev/pointer.ts';
import { netOf } from '../net-state.ts';
import { Skb } from '../skb/skb.ts';
import { fibLookup, refusal, tableLookup, type FibFlow } from '../world/fib.ts';
import type { NamespaceRoutes } from '../world/namespace-routes.ts';
import { INET, INET6, type Family } from '../world/prefix.ts';
import { RT_TABLE_MAIN, type Route } from '../world/route.ts';
import { worldOf } from '../world/world.ts';
import { XdpBuff } from '../xdp/xdp-buff.ts';

/** Bytes of `struct bpf_fib_lookup`, and where its members lie. @see include/uapi/linux/bpf.h */
const PARAMS_BYTES = 64;
const AT = { totLen: 6, ifindex: 8, tos: 12, src: 16, dst: 32, vlanProto: 48, smac: 52, dmac: 58 } as const;

const DIRECT = 1;
const OUTPUT = 2;

/** What the helper answers when nothing is wrong with the question. */
export const FIB_LKUP = {
  SUCCESS: 0,
  BLACKHOLE: 1,
  UNREACHABLE: 2,
  PROHIBIT: 3,
  NOT_FWDED: 4,
  FWD_DISABLED: 5,
  UNSUPP_LWT: 6,
  NO_NEIGH: 7,
  FRAG_NEEDED: 8,
} as const;

const TOS_MASK = 0x1c;
const IPV6_MIN_MTU = 1280;
const VLAN_HLEN = 4;

/** Destinations and sources of one link, or of this host: nobody forwards them. @see rt6_need_strict */
function staysOnLink(ip: Uint8Array): boolean {
  const [first = 0, second = 0] = ip;
  const loopback = ip[15] === 1 && ip.subarray(0, 15).every((byte) => byte === 0);
  return first === 0xff || (first === 0xfe && (second & 0xc0) === 0x80) || loopback;
}

interface Question {
  readonly kernel: KernelServices;
  readonly netns: NetNamespace;
  readonly ns: NamespaceRoutes;
  readonly at: number;
  readonly flags: number;
  /** Compares the packet's length with the route's MTU. */
  readonly checkMtu: boolean;
}

function answerOfErrno(errno: number): number {
  if (errno === -EINVAL) return FIB_LKUP.BLACKHOLE;
  if (errno === -EHOSTUNREACH) return FIB_LKUP.UNREACHABLE;
  return errno === -EACCES ? FIB_LKUP.PROHIBIT : FIB_LKUP.NOT_FWDED;
}

/** The route, or what the helper answers instead. */
function routeFor({ ns, flags }: Question, dev: NetDevice, flow: FibFlow): Route | number {
  let route: Route | number | undefined;
  if ((flags & DIRECT) === 0) {
    route = fibLookup(ns, flow);
  } else {
    route = tableLookup(ns, ns.vrfTables.get(dev) ?? RT_TABLE_MAIN, flow);
    if (route !== undefined) route = refusal(route) ?? route;
  }
  if (route === undefined) return FIB_LKUP.NOT_FWDED;
  if (typeof route === 'number') return answerOfErrno(route);
  return route.kind === 'unicast' ? route : FIB_LKUP.NOT_FWDED;
}

/** The longest packet a route takes. */
function routeMtu(route: Route, dev: NetDevice): number {
  const own = route.lockMtu ? route.mtu : undefined;
  const mtu = own ?? (route.to.family === INET ? dev.mtu : Math.max(IPV6_MIN_MTU, dev.mtu));
  return mtu - (route.encap?.headroom ?? 0);
}

function ask(question: Question, family: Family): number {
  const { kernel, netns, ns, at, flags } = question;
  const { mem } = kernel;
  const size = family === INET ? 4 : 16;
  const daddr = mem.readBytes(at + AT.dst, size);
  const saddr = mem.readBytes(at + AT.src, size);
  if (family === INET6 && (staysOnLink(daddr) || staysOnLink(saddr))) return FIB_LKUP.NOT_FWDED;
  const net = netOf(kernel);
  const from = net.findDevice(mem.read32(at + AT.ifindex), netns);
  if (from === undefined) return -ENODEV;
  if (!ns.forwarding(from, family)) return FIB_LKUP.FWD_DISABLED;

  const output = (flags & OUTPUT) !== 0;
  // What leaves comes from loopback; of IPv6 the device a packet came by is the better one to leave.
  const flow: FibFlow = {
    daddr,
    saddr,
    iif: output ? 'lo' : from.name,
    oif: output || family === INET6 ? from.ifindex : 0,
    tos: family === INET ? mem.read8(at + AT.tos) & TOS_MASK : 0,
    ...(output ? { oifName: from.name } : {}),
  };
  const route = routeFor(question, from, flow);
  if (typeof route === 'number') return route;
  const { dev } = route;
  if (dev === undefined) return FIB_LKUP.NOT_FWDED;
  if (question.checkMtu && mem.read16(at + AT.totLen) > routeMtu(route, dev)) return FIB_LKUP.FRAG_NEEDED;
  if (route.encap !== undefined) return FIB_LKUP.UNSUPP_LWT;

  const nextHop = route.via ?? daddr;
  // A router of the other family: the question becomes one of that family.
  if (nextHop.length !== daddr.length) mem.write8(at, INET6);
  if (route.via !== undefined) mem.writeBytes(at + AT.dst, route.via);
  mem.write32(at + AT.tos, route.metric);
  const neighbour = ns.neighbour(dev, nextHop);
  if (neighbour === undefined) return FIB_LKUP.NO_NEIGH;
  mem.writeBytes(at + AT.dmac, neighbour.mac);
  mem.writeBytes(at + AT.smac, dev.mac);
  mem.write32(at + AT.vlanProto, 0);
  mem.write32(at + AT.ifindex, dev.ifindex);
  return FIB_LKUP.SUCCESS;
}

/** Checks what is asked, and asks. */
function lookup(
  { kernel }: HelperCall,
  netns: NetNamespace | undefined,
  args: { at: number; len: number; flags: number; checkMtu: boolean },
): number {
  if (args.len >>> 0 < PARAMS_BYTES) return -EINVAL;
  if ((args.flags & ~(DIRECT | OUTPUT)) !== 0) return -EINVAL;
  const at = args.at >>> 0;
  const family = kernel.mem.read8(at);
  if (family !== INET && family !== INET6) return -EAFNOSUPPORT;
  if (netns === undefined) return -ENODEV;
  const ns = worldOf(kernel).of(netns);
  return ask({ kernel, netns, ns, at, flags: args.flags, checkMtu: args.checkMtu }, family);
}

/** Whether a packet may leave by a device as it is. @see net/core/dev.c, is_skb_forwardable */
function isForwardable(skb: Skb, dev: NetDevice): boolean {
  return dev.up && (skb.len <= dev.mtu + dev.hardHeaderLen + VLAN_HLEN || skb.isGso);
}

/** Helpers that look up routes. */
export const fibLookupHelpers: readonly HelperRow[] = [
  defineHelper('bpf_xdp_fib_lookup', {
    retWidth: 'sext',
    call(call, ctx, at, len, flags) {
      const { kernel } = call;
      const dev = readPointer(kernel.mem, new XdpBuff(kernel, ctx >>> 0).rxq + xdpLayout(kernel).rxqDev);
      const netns = kernel.objects.get<NetDevice>(dev, 'netdev')?.netns;
      return lookup(call, netns, { at, len, flags, checkMtu: true });
    },
  }),
  defineHelper('bpf_skb_fib_lookup', {
    retWidth: 'sext',
    call(call, ctx, at, len, flags) {
      const { kernel } = call;
      const skb = new Skb(kernel, ctx);
      const netns = kernel.objects.get<NetDevice>(skb.dev, 'netdev')?.netns;
      const answer = lookup(call, netns, { at, len, flags, checkMtu: false });
      if (answer !== FIB_LKUP.SUCCESS) return answer;
      const dev = netOf(kernel).findDevice(kernel.mem.read32((at >>> 0) + AT.ifindex), netns);
      return dev !== undefined && isForwardable(skb, dev) ? answer : FIB_LKUP.FRAG_NEEDED;
    },
  }),
];
