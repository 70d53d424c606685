// SPDX-License-Identifier: MIT
// Paths that wait while another is walked: the one pushed last goes on first.
// @see kernel/bpf/verifier.c, push_stack, pop_stack
import type { Analysis } from '../state/analysis.ts';
import { type State, forkState } from '../state/state.ts';

/** Paths that may wait at a time. */
const MAX_PENDING = 8192;

/**
 * Copies the current state for a path that goes on at `insnIdx`, coming from `prevInsnIdx`. Undefined where too many
 * paths wait: that has been logged, and is for the caller to refuse.
 */
export function pushPath(a: Analysis, insnIdx: number, prevInsnIdx: number, speculative: boolean): State | undefined {
  const state = forkState(a.cur);
  if (speculative) state.speculative = true;
  a.pending = { state, insnIdx, prevInsnIdx, below: a.pending };
  a.pendingCount++;
  if (a.pendingCount > MAX_PENDING) {
    a.v.log.write(`The sequence of ${a.pendingCount} jumps is too complex.\n`);
    return undefined;
  }
  if (state.parent !== undefined) state.parent.branches++;
  return state;
}

/** Ends the current path: states that wait for no other path are finished. Goes on with a waiting one; false for none. */
export function endPath(a: Analysis): boolean {
  for (let st: State | undefined = a.cur; st !== undefined; st = st.parent) if (--st.branches > 0) break;
  const { pending } = a;
  if (pending === undefined) return false;
  a.pending = pending.below;
  a.pendingCount--;
  a.cur = pending.state;
  a.insnIdx = pending.insnIdx;
  a.prevInsnIdx = pending.prevInsnIdx;
  return true;
}
