// SPDX-License-Identifier: MIT
// Control flow of graphs that structure cannot express: a loop around a br_table.
import { I32, MAX_BR_TABLE_TARGETS, op, type Label } from '@tsbpf/wasm';
import type { FlowOrder } from '../cfg/dominators.ts';
import type { Block } from '../cfg/graph.ts';
import type { BlockWriter } from './structure.ts';
import { TooLargeError } from './too-large.ts';

/**
 * Writes the blocks of any graph.
 * @errno ENOSYS TooLargeError: there are more blocks than a br_table may have targets
 */
export function writeDispatched(blocks: readonly Block[], { order, place }: FlowOrder, writer: BlockWriter): void {
  const { fn } = writer;
  const count = order.length;
  if (count > MAX_BR_TABLE_TARGETS) {
    throw new TooLargeError(`a function of ${count} blocks without structure is too large for WebAssembly`);
  }
  const next = fn.local(I32, 'block');
  const again = fn.loop();
  const labels: Label[] = [];
  for (let i = count - 1; i >= 0; i--) labels[i] = fn.block();
  fn.localGet(next);
  fn.brTable(labels.slice(0, -1), labels[count - 1]);

  for (let i = 0; i < count; i++) {
    fn.end();
    const go = (to: number): void => {
      if (place[to] === i + 1) return;
      fn.i32Const(place[to]);
      fn.localSet(next);
      fn.br(again);
    };
    writer.block(order[i]);
    const { term } = blocks[order[i]];
    if (term.kind === 'exit') {
      writer.exit();
      continue;
    }
    if (term.kind === 'goto') {
      go(term.to);
      continue;
    }
    if (term.kind === 'guard') writer.guard(term);
    else writer.condition(term.idx);
    if (place[term.taken] === i + 1) {
      fn.op(op.i32Eqz);
      fn.if();
      go(term.next);
      fn.end();
    } else {
      fn.if();
      go(term.taken);
      fn.end();
      go(term.next);
    }
  }
  fn.end();
}
