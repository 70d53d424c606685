// SPDX-License-Identifier: MIT
// What map types did differently before some version of Linux. Each row is a behaviour of older kernels.
import { versionAtLeast, type KernelVersion } from '@tsbpf/core';

export interface MapRule {
  readonly name: string;
  /** The first version that behaves otherwise. */
  readonly until: KernelVersion;
  readonly what: string;
}

export const MAP_RULES = [
  {
    name: 'lpm-next-key-left-only',
    until: '5.8',
    what: 'iterating an LPM trie descends to left children only, and misses what hangs right of a node without one',
  },
  {
    name: 'hash-of-maps-replace-leaks',
    until: '5.9',
    what: 'replacing an inner map in a preallocated hash of maps keeps the reference to the old one',
  },
  {
    name: 'inner-max-entries-equal',
    until: '5.9',
    what: 'any inner map must have the max_entries of the template; later only those of type ARRAY must',
  },
  {
    name: 'percpu-new-elem-stale',
    until: '5.10',
    what: 'a program that inserts into a preallocated per-CPU hash leaves other CPUs what the element held before',
  },
  {
    name: 'lpm-ignores-presence',
    until: '6.13',
    what: 'LPM tries accept NOEXIST and EXIST and ignore them',
  },
  {
    name: 'lpm-replace-needs-room',
    until: '6.13',
    what: 'replacing an entry of a full LPM trie is ENOSPC',
  },
  {
    name: 'lpm-next-key-ignores-data',
    until: '6.13',
    what: 'LPM iteration takes a node of the same length for the key it was given, though its bits differ',
  },
  {
    name: 'lpm-lookup-long-prefix',
    until: '6.13',
    what: 'LPM lookups take a prefix longer than the key for one of full length; later nothing matches it',
  },
  {
    name: 'lru-free-target',
    until: '6.17',
    what: 'a CPU takes 128 free elements of a common LRU at once, however small the map is',
  },
] as const satisfies readonly MapRule[];

export type MapRuleName = (typeof MAP_RULES)[number]['name'];

/** The rules by which a version behaves. */
export function mapRulesOf(version: KernelVersion): ReadonlySet<MapRuleName> {
  return new Set(MAP_RULES.filter((row) => !versionAtLeast(version, row.until)).map((row) => row.name));
}

/** Whether the simulated kernel still behaves as the rule says. Maps keep their kernel's rules: {@link mapRulesOf}. */
export function mapRule(version: KernelVersion, name: MapRuleName): boolean {
  const rule = MAP_RULES.find((row) => row.name === name);
  return rule !== undefined && !versionAtLeast(version, rule.until);
}
