// SPDX-License-Identifier: MIT
// Routes, rules and neighbours of one network namespace.
import { EEXIST, EINVAL, ENOENT, UsageError } from '@tsbpf/uapi';
import type { NetDevice } from '../dev/device.ts';
import { familyOf, INET, masked, parseAddress, parsePrefix, sameAddress, type Family, type Prefix } from './prefix.ts';
import {
  RT_TABLE_DEFAULT,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  type Route,
  type RouteKind,
  type RouteOptions,
} from './route.ts';

const METRIC_OF_IPV6 = 1024;

/** What decides in which table a destination is looked up. `ip rule`. */
export interface Rule {
  /** The lowest is asked first. */
  readonly priority: number;
  readonly family: Family;
  /** The table that is asked, or what a match is answered at once. */
  readonly then: number | 'blackhole' | 'unreachable' | 'prohibit';
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly iif?: string;
  readonly oif?: string;
  readonly tos?: number;
  readonly mark?: number;
}

export interface RuleOptions extends Omit<Rule, 'from' | 'to' | 'family'> {
  readonly family?: Family;
  readonly from?: string;
  readonly to?: string;
}

/** Who is known at a link. */
export interface Neighbour {
  readonly dev: NetDevice;
  readonly ip: Uint8Array;
  /** 6 bytes. */
  readonly mac: Uint8Array;
}

/** What a device has in a family. */
interface Side {
  readonly dev: NetDevice;
  readonly family: Family;
  forwarding: boolean;
}

const builtIn = (family: Family): Rule[] => [
  { family, priority: 0, then: RT_TABLE_LOCAL },
  { family, priority: 32766, then: RT_TABLE_MAIN },
  ...(family === INET ? [{ family, priority: 32767, then: RT_TABLE_DEFAULT }] : []),
];

interface Saved {
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
  readonly neighbours: readonly Neighbour[];
  readonly forwarding: readonly { readonly side: Side; readonly on: boolean }[];
  readonly custom: ReadonlySet<Family>;
  readonly masters: ReadonlyMap<NetDevice, number>;
}

/** Where packets of one namespace go. Changes replace whole lists, so that what was handed out stays as it was. */
export class NamespaceRoutes {
  routes: readonly Route[] = [];
  rules: readonly Rule[] = [...builtIn(2), ...builtIn(10)];
  neighbours: readonly Neighbour[] = [];
  /** Families whose rules are not only the built-in ones. */
  customRules: ReadonlySet<Family> = new Set();
  /** Tables of devices that belong to a VRF. */
  vrfTables: ReadonlyMap<NetDevice, number> = new Map();
  #sides: readonly Side[] = [];

  /**
   * Adds a route.
   * @errno EINVAL UsageError: a prefix or address that is none, or a route that needs a device and has none
   * @errno EEXIST UsageError: the table has one for the same prefix, metric and type of service
   */
  addRoute(options: RouteOptions): Route {
    const to = parsePrefix(options.to);
    const kind = options.kind ?? 'unicast';
    const route: Route = {
      to,
      kind,
      table: options.table ?? (kind === 'local' || kind === 'broadcast' ? RT_TABLE_LOCAL : RT_TABLE_MAIN),
      metric: options.metric ?? (to.family === INET ? 0 : METRIC_OF_IPV6),
      tos: options.tos ?? 0,
      dev: options.dev,
      via: options.via === undefined ? undefined : parseAddress(options.via),
      mtu: options.mtu,
      lockMtu: options.lockMtu ?? false,
      encap: options.encap,
    };
    if (route.dev === undefined && (kind === 'unicast' || kind === 'local')) {
      throw new UsageError(`route to ${options.to}: it needs a device`, { errno: EINVAL });
    }
    if (to.family !== INET && route.via !== undefined && familyOf(route.via) === INET) {
      throw new UsageError(`route to ${options.to}: a router of IPv4 for destinations of IPv6`, { errno: EINVAL });
    }
    const taken = this.routes.some(
      (other) =>
        other.table === route.table &&
        other.metric === route.metric &&
        other.tos === route.tos &&
        other.to.bits === to.bits &&
        sameAddress(other.to.ip, to.ip) &&
        (to.family === INET || other.dev === route.dev),
    );
    if (taken) throw new UsageError(`route to ${options.to}: there is one`, { errno: EEXIST });
    this.routes = [...this.routes, route];
    return route;
  }

  /** Takes a route away. @errno ENOENT UsageError: it is not there */
  removeRoute(route: Route): void {
    if (!this.routes.includes(route)) throw new UsageError('there is no such route', { errno: ENOENT });
    this.routes = this.routes.filter((other) => other !== route);
  }

  /**
   * An address of a device, `10.0.0.1/24`: it is this host's, and its neighbours are on the link. Of IPv4 the
   * first and the last of the network are everybody's.
   */
  addAddress(dev: NetDevice, address: string): void {
    const [text = '', length] = address.split('/');
    const ip = parseAddress(text);
    const bits = length === undefined ? ip.length * 8 : Number(length);
    this.addRoute({ to: text, dev, kind: 'local', metric: 0 });
    if (bits >= ip.length * 8) return;
    const net = masked(ip, bits);
    const family = familyOf(ip);
    const base = { dev, via: undefined, tos: 0, mtu: undefined, lockMtu: false, encap: undefined };
    const own = (to: Uint8Array, kind: RouteKind): Route => {
      const table = kind === 'unicast' ? RT_TABLE_MAIN : RT_TABLE_LOCAL;
      const metric = family === INET ? 0 : 256;
      return { ...base, to: { family, ip: to, bits: kind === 'unicast' ? bits : 32 }, kind, table, metric };
    };
    this.routes = [...this.routes, own(net, 'unicast')];
    if (family !== INET || bits > 30) return;
    const last = net.map((byte, i) => byte | (0xff >> Math.max(0, Math.min(8, bits - i * 8))));
    this.routes = [...this.routes, own(net, 'broadcast'), own(last, 'broadcast')];
  }

  /** Adds a rule; the family is that of its prefixes, IPv4 without any. */
  addRule(options: RuleOptions): Rule {
    const { from, to, ...rest } = options;
    const [fromPrefix, toPrefix] = [from, to].map((text) => (text === undefined ? undefined : parsePrefix(text)));
    const family = options.family ?? fromPrefix?.family ?? toPrefix?.family ?? INET;
    const rule: Rule = {
      ...rest,
      family,
      ...(fromPrefix === undefined ? {} : { from: fromPrefix }),
      ...(toPrefix === undefined ? {} : { to: toPrefix }),
    };
    this.rules = [...this.rules, rule].sort((a, b) => a.priority - b.priority);
    this.customRules = new Set([...this.customRules, family]);
    return rule;
  }

  /** Says which link address a neighbour has; the last word counts. */
  addNeighbour(options: { dev: NetDevice; ip: string; mac: Uint8Array }): Neighbour {
    const { dev, mac } = options;
    if (mac.length !== 6) throw new UsageError(`a MAC address has 6 bytes, not ${mac.length}`, { errno: EINVAL });
    const neighbour: Neighbour = { dev, ip: parseAddress(options.ip), mac };
    this.removeNeighbour(dev, neighbour.ip);
    this.neighbours = [...this.neighbours, neighbour];
    return neighbour;
  }

  removeNeighbour(dev: NetDevice, ip: Uint8Array): void {
    this.neighbours = this.neighbours.filter((other) => other.dev !== dev || !sameAddress(other.ip, ip));
  }

  neighbour(dev: NetDevice, ip: Uint8Array): Neighbour | undefined {
    return this.neighbours.find((other) => other.dev === dev && sameAddress(other.ip, ip));
  }

  /** Whether a device forwards what arrives there; no device does until it is told to. */
  forwarding(dev: NetDevice, family: Family): boolean {
    return this.#sides.some((side) => side.dev === dev && side.family === family && side.forwarding);
  }

  setForwarding(dev: NetDevice, family: Family, on: boolean): void {
    const found = this.#sides.find((side) => side.dev === dev && side.family === family);
    if (found === undefined) this.#sides = [...this.#sides, { dev, family, forwarding: on }];
    else found.forwarding = on;
  }

  /** Puts a device into a VRF, whose table direct lookups ask. */
  setVrf(dev: NetDevice, table: number): void {
    this.vrfTables = new Map([...this.vrfTables, [dev, table]]);
  }

  save(): Saved {
    const { routes, rules, neighbours, customRules: custom, vrfTables: masters } = this;
    const forwarding = this.#sides.map((side) => ({ side, on: side.forwarding }));
    return { routes, rules, neighbours, custom, masters, forwarding };
  }

  restore(saved: Saved): void {
    this.routes = saved.routes;
    this.rules = saved.rules;
    this.neighbours = saved.neighbours;
    this.customRules = saved.custom;
    this.vrfTables = saved.masters;
    this.#sides = saved.forwarding.map(({ side, on }) => {
      side.forwarding = on;
      return side;
    });
  }
}
