// SPDX-License-Identifier: MIT
// The path that was rejected, walked once more by itself, to see the states on it: keeping the states of every path
// while the program is verified would take too much memory.
import { execute, NEXT } from '../insn/walk.ts';
import { enterFunction } from '../passes/main.ts';
import type { Analysis } from '../state/analysis.ts';
import type { Frame } from '../state/frame.ts';
import { type PathStep, topFrame } from '../state/state.ts';

/** An instruction and the state before it, last first. */
export interface Replayed {
  readonly insnIdx: number;
  readonly frame: Frame;
  readonly before: Replayed | undefined;
}

/** Steps whose states are kept: the last ones. */
const KEPT_STEPS = 1024;

/** The steps of a path in order. */
function inOrder(last: PathStep): PathStep[] {
  const steps: PathStep[] = [];
  for (let step: PathStep | undefined = last; step !== undefined; step = step.before) steps.push(step);
  return steps.reverse();
}

/**
 * Walks a path of the function `root` with an analysis that has done nothing yet, up to its last instruction, which is
 * not run. Undefined, or a rejection, where the path cannot be found again.
 */
export function replay(a: Analysis, root: number, last: PathStep): Replayed | undefined {
  const steps = inOrder(last);
  enterFunction(a, root);
  let result: Replayed | undefined;
  for (let i = 0; i < steps.length; i++) {
    const { insnIdx, popped } = steps[i];
    if (popped) {
      if (a.pending === undefined) return undefined;
      a.cur = a.pending.state;
      a.insnIdx = a.pending.insnIdx;
    }
    a.pending = undefined;
    a.pendingCount = 0;
    if (a.insnIdx !== insnIdx) return undefined;
    if (i >= steps.length - KEPT_STEPS) {
      result = { insnIdx, frame: topFrame(a.cur), before: result };
      // Whoever writes the frame from now on writes a copy.
      a.cur.owned = 0;
    }
    if (i === steps.length - 1) break;
    if (execute(a, a.insns[insnIdx]) === NEXT) a.insnIdx++;
  }
  return result;
}
