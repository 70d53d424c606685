// SPDX-License-Identifier: MIT
// Structured control flow from the dominator tree. A work list instead of recursion: graphs are deep.
// @see Ramsey, "Beyond Relooper: Recursive Translation of Unstructured Control Flow to Structured Control Flow" (2022)
import { op, type FunctionBuilder, type Label } from '@tsbpf/wasm';
import type { FlowOrder } from '../cfg/dominators.ts';
import type { Block, Guard } from '../cfg/graph.ts';

/** What writes the insides of blocks. */
export interface BlockWriter {
  readonly fn: FunctionBuilder;
  /** Everything before the terminator. */
  block(number: number): void;
  /** Pushes whether the conditional jump at `idx` is taken: i32. */
  condition(idx: number): void;
  /** Pushes whether turns of a loop may run together: i32. */
  guard(guard: Guard): void;
  exit(): void;
}

type Task = { readonly kind: 'tree' | 'body'; readonly block: number } | { readonly kind: 'end' };

const END: Task = { kind: 'end' };

/** Writes the blocks of a reducible graph. No path leads to the end of what is written. */
export function writeStructured(blocks: readonly Block[], order: FlowOrder, writer: BlockWriter): void {
  const { fn } = writer;
  const { place, children, isMerge, isLoop } = order;
  const loops: Label[] = [];
  const merges: Label[] = [];
  const work: Task[] = [{ kind: 'tree', block: 0 }];

  /** The label to branch to, unless the target is written in place. */
  const labelOf = (from: number, to: number): Label | undefined => {
    if (place[to] <= place[from]) return loops[to];
    return isMerge[to] === 1 ? merges[to] : undefined;
  };

  const openTree = (block: number): void => {
    if (isLoop[block] === 1) {
      loops[block] = fn.loop();
      work.push(END);
    }
    // The last in order is outermost, so that the first follows the body.
    const kids = children[block];
    for (let i = kids.length - 1; i >= 0; i--) {
      const kid = kids[i];
      if (isMerge[kid] !== 1) continue;
      merges[kid] = fn.block();
      work.push({ kind: 'tree', block: kid }, END);
    }
    work.push({ kind: 'body', block });
  };

  const writeBody = (block: number): void => {
    writer.block(block);
    const { term } = blocks[block];
    if (term.kind === 'exit') return writer.exit();
    if (term.kind === 'goto') {
      const label = labelOf(block, term.to);
      if (label === undefined) work.push({ kind: 'tree', block: term.to });
      else fn.br(label);
      return;
    }
    const taken = labelOf(block, term.taken);
    const next = labelOf(block, term.next);
    if (term.kind === 'guard') writer.guard(term);
    else writer.condition(term.idx);
    if (taken !== undefined) {
      fn.brIf(taken);
      if (next === undefined) work.push({ kind: 'tree', block: term.next });
      else fn.br(next);
    } else if (next !== undefined) {
      fn.op(op.i32Eqz);
      fn.brIf(next);
      work.push({ kind: 'tree', block: term.taken });
    } else {
      fn.if();
      work.push({ kind: 'tree', block: term.next }, END, { kind: 'tree', block: term.taken });
    }
  };

  for (let task = work.pop(); task !== undefined; task = work.pop()) {
    if (task.kind === 'end') fn.end();
    else if (task.kind === 'tree') openTree(task.block);
    else writeBody(task.block);
  }
}
