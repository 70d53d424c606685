// SPDX-License-Identifier: MIT
// States remembered at prune points: when a path meets one it equals it ends there, and when to remember a new one.
// @see kernel/bpf/verifier.c, is_state_visited
import { EINVAL } from '@tsbpf/uapi';
import { needZext } from '../insn/reg-access.ts';
import { logSourceLine } from '../log/source-line.ts';
import { refuse } from '../refuse.ts';
import type { Analysis } from '../state/analysis.ts';
import type { Frame } from '../state/frame.ts';
import { LIVE_DONE, LIVE_READ, LIVE_READ64 } from '../state/liveness-bits.ts';
import { notInit } from '../state/reg.ts';
import { SLOT_EMPTY } from '../state/slot.ts';
import { type State, ownFrame, rememberState, topFrame } from '../state/state.ts';
import { mayBeLooping, statesEqual } from './equality.ts';
import { markRegReadFrom, markSlotReadFrom } from './mark-read.ts';
import { propagatePrecision } from './precision.ts';

/** A new state is remembered after this many jumps and instructions. */
const NEW_STATE_JUMPS = 2;
const NEW_STATE_INSNS = 8;
/** While a loop goes round, only after this many. */
const LOOP_JUMPS = 20;
const LOOP_INSNS = 100;
/** Unprivileged programs keep no more states than this in a bucket. */
const UNPRIV_STATES = 64;

function bucketOf(a: Analysis, insnIdx: number): number {
  return ((insnIdx ^ topFrame(a.cur).callsite) >>> 0) % a.insns.length;
}

function noteJump(a: Analysis): void {
  a.cur.history = { idx: a.insnIdx, prevIdx: a.prevInsnIdx, before: a.cur.history };
}

/**
 * The path arrived at an instruction. True where it may end: it is equal to a remembered state.
 * @errno EINVAL an infinite loop
 */
export function isVisited(a: Analysis, insnIdx: number): boolean {
  const { cur, v } = a;
  const { counters } = v;
  cur.lastInsnIdx = a.prevInsnIdx;
  if (a.prunePoints[insnIdx] === 0) return false;

  const jumps = a.jumps - a.jumpsAtState;
  const insns = counters.processedInsns - a.insnsAtState;
  let remember = a.testStateFreq || (jumps >= NEW_STATE_JUMPS && insns >= NEW_STATE_INSNS);
  const bucket = bucketOf(a, insnIdx);
  cleanFinished(a, a.explored[bucket], insnIdx);

  let seen = 0;
  let before: State | undefined;
  let next: State | undefined;
  for (let st = a.explored[bucket]; st !== undefined; st = next) {
    next = st.next;
    seen++;
    if (st.insnIdx !== insnIdx) {
      before = st;
      continue;
    }
    if (st.branches > 0) {
      if (mayBeLooping(st, cur) && statesEqual(st, cur, v.rules.idsOfEqualRegisters)) {
        logSourceLine(v, insnIdx, '; ');
        refuse(v, EINVAL, `infinite loop detected at insn ${insnIdx}\n`);
      }
      if (jumps < LOOP_JUMPS && insns < LOOP_INSNS) remember = false;
    } else if (statesEqual(st, cur, v.rules.idsOfEqualRegisters)) {
      st.hits++;
      propagateLiveness(a, st);
      noteJump(a);
      propagatePrecision(a, st);
      return true;
    }
    if (remember) st.misses++;
    if (st.misses > st.hits * 3 + 3) {
      // Unlikely to help any path. Its descendants may still walk to it.
      if (before === undefined) a.explored[bucket] = next;
      else before.next = next;
      if ((st.frames[0].live[0] & LIVE_DONE) !== 0) counters.peakStates--;
      continue;
    }
    before = st;
  }
  if (seen > counters.maxStatesPerInsn) counters.maxStatesPerInsn = seen;

  if (!remember || (!v.allowPtrLeaks && seen > UNPRIV_STATES)) {
    noteJump(a);
    return false;
  }
  counters.totalStates++;
  counters.peakStates++;
  a.jumpsAtState = a.jumps;
  a.insnsAtState = counters.processedInsns;
  const stored = rememberState(cur, insnIdx);
  stored.next = a.explored[bucket];
  a.explored[bucket] = stored;
  return false;
}

/** States of this instruction and these callers that no path comes from any more: what nobody read is forgotten. */
function cleanFinished(a: Analysis, first: State | undefined, insnIdx: number): void {
  for (let st = first; st !== undefined; st = st.next) {
    if (st.branches > 0 || st.insnIdx !== insnIdx || !sameCallers(st, a.cur)) continue;
    if ((st.frames[0].live[0] & LIVE_DONE) !== 0) continue;
    for (const f of st.frames) cleanFrame(a, f);
  }
}

function sameCallers(st: State, cur: State): boolean {
  if (st.frames.length !== cur.frames.length) return false;
  for (let i = 0; i < st.frames.length; i++) if (st.frames[i].callsite !== cur.frames[i].callsite) return false;
  return true;
}

function cleanFrame(a: Analysis, f: Frame): void {
  const empty = notInit(a.precise);
  for (let r = 0; r < 10; r++) {
    if ((f.live[r] & LIVE_READ) === 0) f.regs[r] = empty;
    f.live[r] |= LIVE_DONE;
  }
  let owned = f.stackOwned;
  for (let spi = 0; spi < f.stack.length; spi++) {
    if ((f.stackLive[spi] & LIVE_READ) === 0 && f.stack[spi] !== SLOT_EMPTY) {
      if (!owned) f.stack = f.stack.slice();
      owned = true;
      f.stack[spi] = SLOT_EMPTY;
    }
    f.stackLive[spi] |= LIVE_DONE;
  }
  f.stackOwned = owned;
}

/** Whether a mark of the old state tells the new one something. */
function tells(old: number, cur: number): boolean {
  const flag = old & LIVE_READ;
  const have = cur & LIVE_READ;
  return flag !== 0 && have !== LIVE_READ64 && have !== flag;
}

/**
 * What paths from the equal state read, this path would have read: told to the current state's registers, whatever
 * was written, and on to its parents. @see kernel/bpf/verifier.c, propagate_liveness
 */
function propagateLiveness(a: Analysis, old: State): void {
  const { cur, v } = a;
  const last = old.frames.length - 1;
  for (let i = 0; i <= last; i++) {
    const from = old.frames[i];
    for (let r = i < last ? 6 : 0; r < 10; r++) {
      const flag = from.live[r] & LIVE_READ;
      if (!tells(from.live[r], cur.frames[i].live[r])) continue;
      const to = ownFrame(cur, i);
      markRegReadFrom(v, to, r, flag);
      if (flag === LIVE_READ64) needZext(a, to, r);
    }
    const slots = Math.min(from.stack.length, cur.frames[i].stack.length);
    for (let spi = 0; spi < slots; spi++) {
      const flag = from.stackLive[spi] & LIVE_READ;
      if (!tells(from.stackLive[spi], cur.frames[i].stackLive[spi])) continue;
      const to = ownFrame(cur, i);
      markSlotReadFrom(v, to, spi, flag);
    }
  }
}
