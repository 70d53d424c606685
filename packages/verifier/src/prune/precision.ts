// SPDX-License-Identifier: MIT
// Where a decision was made on a scalar's value, the value matters: it and all it was computed from are marked, through
// the instructions of the path back to where the values came from, so that pruning compares them.
// @see kernel/bpf/verifier.c, __mark_chain_precision
import { EFAULT } from '@tsbpf/uapi';
import { logState } from '../log/print-state.ts';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import type { Analysis } from '../state/analysis.ts';
import { type Frame, ownStack } from '../state/frame.ts';
import { withPrecise } from '../state/reg.ts';
import { type JumpHistory, type State, ownFrame, ownTop, topFrame } from '../state/state.ts';
import { type Wanted, dropSlot, stepBack, wantedHex, wantsNothing, wantsSlot } from './backtrack.ts';

/** A register of the current function matters. It holds a scalar. @errno EFAULT a defect of the analysis */
export function markRegPrecise(a: Analysis, regno: number): void {
  if (!a.v.allowPtrLeaks) return;
  const reg = topFrame(a.cur).regs[regno];
  if (reg.type !== 'SCALAR_VALUE') reject(EFAULT);
  if (reg.precise) return;
  ownTop(a.cur).regs[regno] = withPrecise(reg);
  runBackwards(a, { regs: 1 << regno, slotsLo: 0, slotsHi: 0 });
}

/** A spilled scalar of the current function matters. Slots that hold none are left alone. */
export function markSlotPrecise(a: Analysis, spi: number): void {
  if (!a.v.allowPtrLeaks) return;
  const slot = topFrame(a.cur).stack[spi];
  if (slot === undefined || typeof slot === 'number' || slot.type !== 'SCALAR_VALUE' || slot.precise) return;
  ownStack(ownTop(a.cur))[spi] = withPrecise(slot);
  const wanted: Wanted = { regs: 0, slotsLo: 0, slotsHi: 0 };
  if (spi < 32) wanted.slotsLo = 1 << spi;
  else wanted.slotsHi = 1 << (spi - 32);
  runBackwards(a, wanted);
}

/** Follows what is wanted state by state, from the current instruction to where nothing is wanted any more. */
function runBackwards(a: Analysis, wanted: Wanted): void {
  let st = a.cur;
  let lastIdx = a.insnIdx;
  let skipFirst = true;
  for (;;) {
    if (!stepsOfState(a, st, lastIdx, wanted, skipFirst)) return;
    skipFirst = false;
    if (st.parent === undefined) return;
    st = st.parent;
    const marks = markWanted(st, wanted);
    if (marks === 'unknown') {
      markAllScalars(st);
      return;
    }
    if (a.trace) {
      logState(a.v, topFrame(st));
      const { regs, stack } = wantedHex(wanted);
      const have = marks === 'new' ? "didn't have" : 'already had';
      a.v.log.write(`parent ${have} regs=${regs} stack=${stack} marks\n`);
    }
    if (wantsNothing(wanted) || marks === 'old') return;
    lastIdx = st.lastInsnIdx;
  }
}

/** The instructions of one state, last first. False where the run ends. */
function stepsOfState(a: Analysis, st: State, lastIdx: number, wanted: Wanted, skipFirst: boolean): boolean {
  const firstIdx = st.firstInsnIdx;
  if (a.trace) a.v.log.write(`last_idx ${lastIdx} first_idx ${firstIdx}\n`);
  let history: JumpHistory | undefined = st.history;
  let skip = skipFirst;
  for (let i = lastIdx; ;) {
    if (skip) skip = false;
    else if (!stepBack(a, i, wanted)) {
      markAllScalars(st);
      return false;
    }
    if (wantsNothing(wanted)) return false;
    if (i === firstIdx) return true;
    if (history !== undefined && history.idx === i) {
      i = history.prevIdx;
      history = history.before;
    } else {
      i--;
    }
    if (i < 0 || i >= a.insns.length) refuse(a.v, EFAULT, `BUG backtracking idx ${i}\n`);
  }
}

/** Marks what is wanted in the state's current function; what is no scalar is not wanted any more. */
function markWanted(st: State, wanted: Wanted): 'new' | 'old' | 'unknown' {
  const f = topFrame(st);
  let found: 'new' | 'old' = 'old';
  for (let r = 0; r <= 10; r++) {
    if ((wanted.regs & (1 << r)) === 0) continue;
    const reg = f.regs[r];
    if (reg.type !== 'SCALAR_VALUE') {
      wanted.regs &= ~(1 << r);
      continue;
    }
    if (!reg.precise) {
      found = 'new';
      f.regs[r] = withPrecise(reg);
    }
  }
  if ((wanted.slotsLo | wanted.slotsHi) === 0) return found;
  for (let spi = 0; spi < 64; spi++) {
    if (!wantsSlot(wanted, spi)) continue;
    // The slot was written through another register than R10, which a run backwards does not see.
    if (spi >= f.stack.length) return 'unknown';
    const slot = f.stack[spi];
    if (typeof slot === 'number' || slot.type !== 'SCALAR_VALUE') {
      dropSlot(wanted, spi);
      continue;
    }
    if (!slot.precise) {
      found = 'new';
      ownStack(f)[spi] = withPrecise(slot);
    }
  }
  return found;
}

/** The conservative answer: every scalar of this state and all before it matters. */
function markAllScalars(from: State): void {
  for (let st: State | undefined = from; st !== undefined; st = st.parent) {
    for (let i = 0; i < st.frames.length; i++) markScalarsOf(st, i);
  }
}

function markScalarsOf(st: State, frameno: number): void {
  const wantsMark = (f: Frame): boolean =>
    f.regs.some((reg) => reg.type === 'SCALAR_VALUE' && !reg.precise) ||
    f.stack.some((slot) => typeof slot !== 'number' && slot.type === 'SCALAR_VALUE' && !slot.precise);
  if (!wantsMark(st.frames[frameno])) return;
  const f = ownFrame(st, frameno);
  f.regs.forEach((reg, r) => {
    if (reg.type === 'SCALAR_VALUE' && !reg.precise) f.regs[r] = withPrecise(reg);
  });
  f.stack.forEach((slot, spi) => {
    if (typeof slot !== 'number' && slot.type === 'SCALAR_VALUE' && !slot.precise) ownStack(f)[spi] = withPrecise(slot);
  });
}

/**
 * The path ended at a state that it equals: what mattered to that state matters here.
 * @see kernel/bpf/verifier.c, propagate_precision
 */
export function propagatePrecision(a: Analysis, old: State): void {
  const { regs, stack } = topFrame(old);
  for (let r = 0; r < 10; r++) {
    if (regs[r].type !== 'SCALAR_VALUE' || !regs[r].precise) continue;
    if (a.v.log.level2) a.v.log.write(`propagating r${r}\n`);
    markRegPrecise(a, r);
  }
  for (let spi = 0; spi < stack.length; spi++) {
    const slot = stack[spi];
    if (typeof slot === 'number' || slot.type !== 'SCALAR_VALUE' || !slot.precise) continue;
    if (a.v.log.level2) a.v.log.write(`propagating fp${-8 * (spi + 1)}\n`);
    markSlotPrecise(a, spi);
  }
}
