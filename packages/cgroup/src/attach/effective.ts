// SPDX-License-Identifier: MIT
import type { Cgroup } from '../tree/cgroup.ts';
import { EMPTY_LIST, isMulti, type Attachment } from './attachment.ts';

/** What decides whether a cgroup's list is run for those below it. */
export interface LevelList<T> {
  readonly flags: number;
  readonly items: readonly T[];
}

/**
 * The order programs run in, given the lists of a cgroup and its ancestors, nearest first: a cgroup's own list, then
 * every ancestor that allows several; an ancestor that does not counts only where nothing below it had a say.
 * @see kernel/bpf/cgroup.c, compute_effective_progs
 */
export function effectiveOrder<T>(levels: Iterable<LevelList<T>>): T[] {
  const order: T[] = [];
  for (const level of levels) if (order.length === 0 || isMulti(level)) order.push(...level.items);
  return order;
}

/** The programs in effect at a cgroup. */
export function effectiveAt(cgroup: Cgroup, attachType: number): readonly Attachment[] {
  return effectiveOrder([...cgroup.ancestry()].map((at) => at.lists.get(attachType) ?? EMPTY_LIST));
}

/** Brings the arrays of a cgroup and all below up to date; those whose programs are gone keep none. */
export function updateEffective(cgroup: Cgroup, attachType: number): void {
  for (const at of cgroup.subtree()) {
    if (at.progRefs > 0) at.effective.set(attachType, effectiveAt(at, attachType));
  }
}
