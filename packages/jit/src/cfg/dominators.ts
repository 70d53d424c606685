// SPDX-License-Identifier: MIT
// Order and dominators of a graph. @see Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm" (2001)
import { successors, type Block } from './graph.ts';

/** What structured control flow is made from. Arrays are by block number. */
export interface FlowOrder {
  /** Blocks in reverse postorder, the entry first. */
  readonly order: readonly number[];
  /** A block's place in {@link order}. */
  readonly place: Int32Array;
  /** Immediate dominators; the entry's is itself. */
  readonly idom: Int32Array;
  /** Blocks immediately dominated, in reverse postorder. */
  readonly children: readonly (readonly number[])[];
  /** Entered by a jump from a block it dominates. */
  readonly isLoop: Uint8Array;
  /** Entered by more than one edge from earlier blocks. */
  readonly isMerge: Uint8Array;
  /** The block that alone leads here; -1 where there are more, and for the entry. */
  readonly onlyPred: Int32Array;
  /** Every edge to an earlier block leads to one that dominates its source. */
  readonly reducible: boolean;
}

function postorder(blocks: readonly Block[]): number[] {
  const seen = new Uint8Array(blocks.length);
  const post: number[] = [];
  const path: { block: number; next: number }[] = [{ block: 0, next: 0 }];
  seen[0] = 1;
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const to = successors(blocks[top.block])[top.next++] as number | undefined;
    if (to === undefined) {
      post.push(top.block);
      path.pop();
    } else if (seen[to] === 0) {
      seen[to] = 1;
      path.push({ block: to, next: 0 });
    }
  }
  return post;
}

export function flowOrder(blocks: readonly Block[]): FlowOrder {
  const order = postorder(blocks).reverse();
  const count = blocks.length;
  const place = new Int32Array(count);
  order.forEach((block, i) => (place[block] = i));
  const preds: number[][] = Array.from({ length: count }, () => []);
  for (const from of order) for (const to of successors(blocks[from])) preds[to].push(from);

  const idom = new Int32Array(count).fill(-1);
  idom[0] = 0;
  const meet = (a: number, b: number): number => {
    while (a !== b) {
      while (place[a] > place[b]) a = idom[a];
      while (place[b] > place[a]) b = idom[b];
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const block of order) {
      if (block === 0) continue;
      let dom = -1;
      for (const pred of preds[block]) if (idom[pred] >= 0) dom = dom < 0 ? pred : meet(pred, dom);
      if (idom[block] === dom) continue;
      idom[block] = dom;
      changed = true;
    }
  }

  const children: number[][] = Array.from({ length: count }, () => []);
  const isLoop = new Uint8Array(count);
  const isMerge = new Uint8Array(count);
  const onlyPred = new Int32Array(count).fill(-1);
  let reducible = true;
  for (const block of order) {
    if (block !== 0) children[idom[block]].push(block);
    if (block !== 0 && preds[block].length === 1) onlyPred[block] = preds[block][0];
    let forward = 0;
    for (const pred of preds[block]) {
      if (place[pred] < place[block]) {
        forward++;
        continue;
      }
      isLoop[block] = 1;
      if (meet(pred, block) !== block) reducible = false;
    }
    if (forward > 1) isMerge[block] = 1;
  }
  return { order, place, idom, children, isLoop, isMerge, onlyPred, reducible };
}
