// SPDX-License-Identifier: MIT
// All the verifier saw of a program: states at instructions, and which came from which.
import type { ObservedFrame, ObservedStep, PathObserver, PathStep } from '../../packages/verifier/src/index.ts';

/** A state at an instruction. */
export interface PathNode {
  readonly insnIdx: number;
  readonly frames: readonly ObservedFrame[];
  next: readonly PathNode[];
  /** The path ended here, as safe as another. */
  pruned: boolean;
}

/** Steps remembered at most: a program that needs more is not followed. */
const MOST_NODES = 30_000;

const NONE: readonly never[] = [];

export class PathGraph implements PathObserver {
  readonly mended: PathObserver['mended'];
  readonly roots: PathNode[] = [];
  readonly #byStep = new Map<PathStep, PathNode>();
  readonly #byInsn = new Map<number, PathNode[]>();
  #last: PathNode | undefined;
  /** There were too many steps. */
  overflowed = false;

  constructor(mended?: PathObserver['mended']) {
    this.mended = mended;
  }

  get done(): boolean {
    return this.overflowed;
  }

  get size(): number {
    return this.#byStep.size;
  }

  step({ insnIdx, frames, speculative, step, before }: ObservedStep): void {
    this.#last = undefined;
    if (speculative || this.overflowed) return;
    if (this.#byStep.size >= MOST_NODES) {
      this.overflowed = true;
      this.#byStep.clear();
      this.#byInsn.clear();
      return;
    }
    const from = before === undefined ? undefined : this.#byStep.get(before);
    const node: PathNode = { insnIdx, frames: kept(frames, from?.frames), next: NONE, pruned: false };
    this.#last = node;
    this.#byStep.set(step, node);
    const there = this.#byInsn.get(insnIdx);
    if (there === undefined) this.#byInsn.set(insnIdx, [node]);
    else there.push(node);
    if (from === undefined) this.roots.push(node);
    else from.next = from.next === NONE ? [node] : [...from.next, node];
  }

  pruned(): void {
    if (this.#last !== undefined) this.#last.pruned = true;
  }

  /** States at an instruction, reached through the same calls, from which paths went on. */
  alternatives(node: PathNode): PathNode[] {
    const found: PathNode[] = [];
    for (const other of this.#byInsn.get(node.insnIdx) ?? []) {
      if (!other.pruned && sameCalls(other.frames, node.frames)) found.push(other);
    }
    return found;
  }

  /** All states that were seen. */
  steps(): IterableIterator<PathNode> {
    return this.#byStep.values();
  }
}

/** Frames as they are, in copies that share what is as it was a step before. */
function kept(frames: readonly ObservedFrame[], was: readonly ObservedFrame[] = NONE): readonly ObservedFrame[] {
  let same = frames.length === was.length;
  const copies = frames.map((frame, i) => {
    const copy = keptFrame(frame, was.length > i ? was[i] : undefined);
    if (copy !== was[i]) same = false;
    return copy;
  });
  return same ? was : copies;
}

function keptFrame({ callsite, subprog, regs, stack }: ObservedFrame, was: ObservedFrame | undefined): ObservedFrame {
  const sameRegs = was !== undefined && sameItems(regs, was.regs);
  const sameStack = was !== undefined && sameItems(stack, was.stack);
  if (sameRegs && sameStack && was.callsite === callsite && was.subprog === subprog) return was;
  return { callsite, subprog, regs: sameRegs ? was.regs : regs.slice(), stack: sameStack ? was.stack : stack.slice() };
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function sameCalls(a: readonly ObservedFrame[], b: readonly ObservedFrame[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i].callsite !== b[i].callsite) return false;
  return true;
}
