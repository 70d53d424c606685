// SPDX-License-Identifier: MIT
// Watching the analysis: for tests that compare what it knows with what really happens.
import type { Rules } from '../rules.ts';
import type { Reg } from './reg.ts';
import type { Slot } from './slot.ts';
import type { PathStep, State } from './state.ts';

/** A function of the chain of calls. */
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
  /** The function verified first, the current one last. They change as the analysis goes on: copy what is to be kept. */
  readonly frames: readonly ObservedFrame[];
  readonly speculative: boolean;
  /** Identity of the step, and of the one before it on the same path. */
  readonly step: PathStep;
  readonly before: PathStep | undefined;
}

/** Sees every instruction of every path. */
export interface PathObserver {
  /** Rules of later versions that apply all the same: to tell the bugs of a version from others. */
  readonly mended?: Partial<Rules>;
  /** It has seen enough: the analysis goes on unobserved. */
  readonly done?: boolean;
  step(observed: ObservedStep): void;
  /** The path ended at the step seen last: it met a state that is known to be safe. */
  pruned(): void;
}

/** Tells an observer where the current path is. `path` is its last step. */
export function observe(observer: PathObserver, cur: State, path: PathStep): void {
  observer.step({
    insnIdx: path.insnIdx,
    frames: cur.frames,
    speculative: cur.speculative,
    step: path,
    before: path.before,
  });
}
