// SPDX-License-Identifier: MIT
// Finding a route. @see net/ipv4/fib_trie.c, fib_table_lookup; net/ipv4/fib_rules.c; net/ipv6/ip6_fib.c
import { EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH } from '@tsbpf/uapi';
import type { NamespaceRoutes, Rule } from './namespace-routes.ts';
import { familyOf, INET, matches } from './prefix.ts';
import { isAlive, RT_TABLE_LOCAL, RT_TABLE_MAIN, type Route, type RouteKind } from './route.ts';

/** What a packet is looked up by. */
export interface FibFlow {
  /** 4 or 16 bytes. */
  readonly daddr: Uint8Array;
  readonly saddr?: Uint8Array;
  /** The devices' names, for rules. */
  readonly iif?: string;
  /** Where it must leave, of IPv4; where it had better, of IPv6. 0 for anywhere. */
  readonly oif?: number;
  readonly oifName?: string;
  readonly tos?: number;
  readonly mark?: number;
}

/** Errors of routes that are none. */
const REFUSALS: Partial<Record<RouteKind, number>> = {
  blackhole: EINVAL,
  unreachable: EHOSTUNREACH,
  prohibit: EACCES,
};
/** Errors of rules that refuse. */
const RULE_REFUSALS = { blackhole: EINVAL, unreachable: ENETUNREACH, prohibit: EACCES } as const;

/** Routes for a destination, the best first: the longest prefix, then the type of service, then the metric. */
function candidates(routes: readonly Route[], flow: FibFlow): Route[] {
  const v4 = familyOf(flow.daddr) === INET;
  return routes
    .filter((route) => {
      if (!matches(route.to, flow.daddr) || !isAlive(route)) return false;
      if (!v4) return true;
      if (route.tos !== 0 && route.tos !== (flow.tos ?? 0)) return false;
      const bound = (flow.oif ?? 0) !== 0 && route.dev !== undefined;
      return !bound || route.dev.ifindex === flow.oif;
    })
    .sort((a, b) => b.to.bits - a.to.bits || b.tos - a.tos || a.metric - b.metric);
}

/** The route of a table; undefined for none. `throw` counts as none. */
export function tableLookup(ns: NamespaceRoutes, table: number, flow: FibFlow): Route | undefined {
  const v4 = familyOf(flow.daddr) === INET;
  // Until somebody adds a rule, the local table of IPv4 is part of the main one.
  const merged = v4 && table === RT_TABLE_MAIN && !ns.customRules.has(INET);
  const inTable = ns.routes.filter((route) => route.table === table || (merged && route.table === RT_TABLE_LOCAL));
  const [best, ...rest] = candidates(inTable, flow);
  if (best === undefined || best.kind === 'throw') return undefined;
  if (v4) return best;
  const equal = [best, ...rest].filter((route) => route.to.bits === best.to.bits && route.metric === best.metric);
  return equal.find(({ dev }) => dev !== undefined && dev.ifindex === flow.oif) ?? best;
}

function ruleMatches(rule: Rule, flow: FibFlow): boolean {
  const { from, to, iif, oif, tos, mark } = rule;
  if (rule.family !== familyOf(flow.daddr)) return false;
  if (to !== undefined && !matches(to, flow.daddr)) return false;
  if (from !== undefined && (flow.saddr === undefined || !matches(from, flow.saddr))) return false;
  if (iif !== undefined && iif !== flow.iif) return false;
  if (oif !== undefined && oif !== flow.oifName) return false;
  return (tos === undefined || tos === flow.tos) && (mark === undefined || mark === (flow.mark ?? 0));
}

/**
 * The route of a packet, as the rules say: a Route, or -errno.
 * @errno ENETUNREACH there is none
 * @errno EINVAL a blackhole @errno EHOSTUNREACH an unreachable route @errno EACCES prohibited
 */
export function fibLookup(ns: NamespaceRoutes, flow: FibFlow): Route | number {
  for (const rule of ns.rules) {
    if (!ruleMatches(rule, flow)) continue;
    if (typeof rule.then !== 'number') return -RULE_REFUSALS[rule.then];
    const route = tableLookup(ns, rule.then, flow);
    if (route !== undefined) return refusal(route) ?? route;
  }
  return -ENETUNREACH;
}

/** The error that a route is, if it is one. */
export function refusal({ kind }: Route): number | undefined {
  const errno = REFUSALS[kind];
  return errno === undefined ? undefined : -errno;
}
