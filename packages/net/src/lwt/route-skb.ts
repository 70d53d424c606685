// SPDX-License-Identifier: MIT
// The route of a packet on its way, where a program may change it. What Linux keeps as the packet's `dst`.
// @see net/ipv6/seg6_local.c, seg6_lookup_nexthop
import { EINVAL, ENETUNREACH } from '@tsbpf/uapi';
import type { KernelServices, SubsystemKey } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { netOf } from '../net-state.ts';
import type { Skb } from '../skb/skb.ts';
import { fibLookup, refusal, tableLookup, type FibFlow } from '../world/fib.ts';
import { IPV6 } from './ipv6-header.ts';
import type { Route } from '../world/route.ts';
import { worldOf } from '../world/world.ts';

/** What the packet that is on its way has been given: a route, or an error that drops it. */
export interface PacketRoute {
  readonly route?: Route;
  /** The router a program named, instead of the route's or the destination. */
  readonly nextHop?: Uint8Array;
  readonly error: number;
}

/** Routes of packets that programs run over, by the packet's place. */
class PacketRoutes {
  readonly bySkb = new Map<number, PacketRoute>();
}
const ROUTES: SubsystemKey<PacketRoutes> = { name: 'lwt-routes', create: () => new PacketRoutes() };
const routesOf = (kernel: KernelServices): Map<number, PacketRoute> => kernel.subsystem(ROUTES).bySkb;

export const routeOfSkb = (skb: Skb): PacketRoute | undefined => routesOf(skb.kernel).get(skb.off);
export const setRouteOfSkb = (skb: Skb, route: PacketRoute): void => void routesOf(skb.kernel).set(skb.off, route);
export const forgetRouteOfSkb = (skb: Skb): void => void routesOf(skb.kernel).delete(skb.off);

/**
 * Looks an IPv6 packet up: by its destination or by the router a program names, in a table or as the rules say. The
 * packet has the route from then on. The result is 0 or the route's error.
 * @errno ENETUNREACH no route @errno EINVAL a blackhole, this host, or no such table @errno EACCES prohibited
 */
export function lookUpNextHop(skb: Skb, how: { via?: Uint8Array; table?: number } = {}): number {
  const { kernel } = skb;
  const device = kernel.objects.get<NetDevice>(skb.dev, 'netdev');
  const ns = worldOf(kernel).of(device?.netns ?? netOf(kernel).initNs);
  const header = skb.head + skb.header('network_header');
  const flow: FibFlow = {
    daddr: how.via ?? kernel.mem.readBytes(header + IPV6.daddr, 16),
    saddr: kernel.mem.readBytes(header + IPV6.saddr, 16),
    oif: device?.ifindex ?? 0,
    mark: skb.get('mark'),
    ...(device === undefined ? {} : { iif: device.name }),
  };
  const table = how.table ?? 0;
  let found: Route | number;
  if (table === 0) found = fibLookup(ns, flow);
  else if (!ns.routes.some((route) => route.table === table)) found = -EINVAL;
  else {
    const route = tableLookup(ns, table, flow);
    found = route === undefined ? -ENETUNREACH : (refusal(route) ?? route);
  }
  // Packets for this host go nowhere from here.
  if (typeof found !== 'number' && (found.kind === 'local' || found.dev?.loopback === true)) found = -EINVAL;
  if (typeof found === 'number') {
    setRouteOfSkb(skb, { error: found });
    return found;
  }
  setRouteOfSkb(skb, { route: found, error: 0, ...(how.via === undefined ? {} : { nextHop: found.via ?? how.via }) });
  return 0;
}
