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
  const jumpsBack = new Map<number, number[]>();
  for (const last of order.order) {
    for (const to of successors(blocks[last])) {
      if (place[to] > place[last] || to === 0) continue;
      jumpsBack.set(to, [...(jumpsBack.get(to) ?? []), last]);
    }
  }
  const found: PathLoop[] = [];
  for (const [header, from] of jumpsBack) {
    if (from.length > 1) continue;
    // Blocks with one way in lead back to the header, which has two.
    const path = [from[0]];
    while (onlyPred[path[0]] >= 0 && path.length < maxBlocks) path.unshift(onlyPred[path[0]]);
    if (path[0] === header) found.push(path);
  }
  return found;
}
