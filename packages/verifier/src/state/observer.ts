// SPDX-License-Identifier: MIT
// Watching the analysis: for tests that compare what it knows with what really happens.
import type { Reg } from './reg.ts';
import type { Slot } from './slot.ts';
import type { PathStep, State } from './state.ts';

/** A function of the chain of calls, as it was. */
export interface ObservedFrame {
  /** Index of the call instruction; -1 for the function verified. */
  readonly callsite: number;
  readonly subprog: number;
  readonly regs: readonly Reg[];
  readonly stack: readonly Slot[];
}

/** The analysis is about to look at an instruction. */
export interface ObservedStep {
  readonly insnIdx: number;
  /** The function verified first, the current one last. */
  readonly frames: readonly ObservedFrame[];
  readonly speculative: boolean;
  /** Identity of the step, and of the one before it on the same path. */
  readonly step: PathStep;
  readonly before: PathStep | undefined;
}

/** Sees every instruction of every path. */
export interface PathObserver {
  step(observed: ObservedStep): void;
  /** The path ended at the step seen last: it met a state that is known to be safe. */
  pruned(): void;
}

/** Tells an observer where the current path is. `path` is its last step. */
export function observe(observer: PathObserver, cur: State, path: PathStep): void {
  observer.step({
    insnIdx: path.insnIdx,
    frames: cur.frames.map(({ callsite, subprog, regs, stack }) => ({
      callsite,
      subprog,
      regs: regs.slice(),
      stack: stack.slice(),
    })),
    speculative: cur.speculative,
    step: path,
    before: path.before,
  });
}
