// SPDX-License-Identifier: MIT
// Loops with one way through.
import type { FlowOrder } from './dominators.ts';
import { successors, type Block } from './graph.ts';

/** A loop whose turns all take the same way, as far as they get: its blocks in this order, the header first. */
export type PathLoop = readonly number[];

/** Loops of a reducible graph with one way through, of at most `maxBlocks` blocks; not one that begins the function. */
export function pathLoops(blocks: readonly Block[], order: FlowOrder, maxBlocks: number): PathLoop[] {
  const { place, onlyPred } = order;
  if (!order.reducible) return [];
  /** By header: where it is jumped back from, undefined where that is from several places. */
  const jumpsBack = new Map<number, number | undefined>();
  for (const from of order.order) {
    for (const to of successors(blocks[from])) {
      if (place[to] <= place[from] && to !== 0) jumpsBack.set(to, jumpsBack.has(to) ? undefined : from);
    }
  }
  const found: PathLoop[] = [];
  for (const [header, last] of jumpsBack) {
    if (last === undefined) continue;
    // Blocks with one way in lead back to the header, which has two.
    const path = [last];
    while (onlyPred[path[0]] >= 0 && path.length < maxBlocks) path.unshift(onlyPred[path[0]]);
    if (path[0] === header) found.push(path);
  }
  return found;
}
