// SPDX-License-Identifier: MIT
// The world around a host's devices, as a script says: routes, rules, neighbours, what is forwarded.
//
//   const world = worldOf(kernel);                            kernel.net.world in a kernel of `tsbpf`
//   const routes = world.of(netns);                           or world.main
//   routes.addAddress(eth0, '10.0.0.1/24');
//   routes.addRoute({ to: 'default', dev: eth0, via: '10.0.0.254' });
//   routes.addNeighbour({ dev: eth0, ip: '10.0.0.254', mac });
//   routes.setForwarding(eth0, INET, true);
//   world.resolve(netns, { daddr });                          the way of a packet: device, next hop, link address
import type { Checkpointable, KernelServices, SubsystemKey } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import type { NetNamespace } from '../dev/namespace.ts';
import { netOf } from '../net-state.ts';
import { fibLookup, type FibFlow } from './fib.ts';
import { NamespaceRoutes } from './namespace-routes.ts';
import type { Route } from './route.ts';

/** The way of a packet. */
export interface Way {
  readonly route: Route;
  readonly dev: NetDevice;
  /** Whose link address it is sent to. */
  readonly nextHop: Uint8Array;
  /** That address; undefined where the neighbour is not known. */
  readonly mac: Uint8Array | undefined;
}

/** Routes and neighbours of all namespaces of a kernel. */
export class NetWorld implements Checkpointable {
  readonly checkpointName = 'net-world';
  readonly #kernel: KernelServices;
  readonly #byNamespace = new Map<NetNamespace, NamespaceRoutes>();

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
    kernel.checkpointables.push(this);
  }

  /** Those of the process's own namespace. */
  get main(): NamespaceRoutes {
    return this.of(netOf(this.#kernel).initNs);
  }

  of(netns: NetNamespace): NamespaceRoutes {
    let found = this.#byNamespace.get(netns);
    if (found === undefined) {
      found = new NamespaceRoutes();
      this.#byNamespace.set(netns, found);
    }
    return found;
  }

  /** Where a packet goes: -errno as {@link fibLookup}, or a route that leads nowhere else (`local`) with its device. */
  resolve(netns: NetNamespace, flow: FibFlow): Way | number {
    const ns = this.of(netns);
    const route = fibLookup(ns, flow);
    if (typeof route === 'number') return route;
    const dev = route.dev ?? netOf(this.#kernel).device('lo');
    const nextHop = route.via ?? flow.daddr;
    return { route, dev, nextHop, mac: ns.neighbour(dev, nextHop)?.mac };
  }

  save(): unknown {
    return [...this.#byNamespace].map(([netns, routes]) => ({ netns, saved: routes.save() }));
  }

  restore(saved: unknown): void {
    this.#byNamespace.clear();
    for (const { netns, saved: one } of saved as {
      netns: NetNamespace;
      saved: ReturnType<NamespaceRoutes['save']>;
    }[]) {
      this.of(netns).restore(one);
    }
  }
}

const WORLD: SubsystemKey<NetWorld> = { name: 'net-world', create: (kernel) => new NetWorld(kernel) };

/** The routes and neighbours of a kernel. */
export function worldOf(kernel: Pick<KernelServices, 'subsystem'>): NetWorld {
  return kernel.subsystem(WORLD);
}
