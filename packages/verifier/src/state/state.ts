// SPDX-License-Identifier: MIT
import { type Frame, childFrame, cloneFrame } from './frame.ts';

/** The instructions a path jumped between since its state began, last first: what runs backwards need. */
export interface JumpHistory {
  readonly idx: number;
  readonly prevIdx: number;
  readonly before: JumpHistory | undefined;
}

/** An instruction of a path, last first. Kept only while a rejection is being explained. */
export interface PathStep {
  readonly insnIdx: number;
  /** The path had waited, and goes on here. */
  readonly popped: boolean;
  readonly before: PathStep | undefined;
}

/**
 * All that is known at one point of one path. Frames may be shared with other states; `owned` has a bit for each frame
 * that only this state refers to, and only those may be written: see {@link ownFrame}.
 * @see include/linux/bpf_verifier.h, struct bpf_verifier_state
 */
export class State {
  /** The function verified first, the current one last. */
  frames: Frame[];
  owned: number;
  /** The id of the spin lock held; 0 for none. */
  activeLock = 0;
  /** A path that a processor may take although it is wrong. */
  speculative = false;
  /** The remembered state this path goes on from. */
  parent: State | undefined = undefined;
  /** Paths from here that have not ended. */
  branches = 1;
  /** Where it was remembered. */
  insnIdx = 0;
  /** The instructions that the path from here starts and (for a remembered state: came) with. */
  firstInsnIdx = 0;
  lastInsnIdx = 0;
  history: JumpHistory | undefined = undefined;
  path: PathStep | undefined = undefined;
  /** Times that comparing with it did and did not end a path. */
  hits = 0;
  misses = 0;
  /** The next state of the same bucket. */
  next: State | undefined = undefined;

  constructor(frames: Frame[], owned: number) {
    this.frames = frames;
    this.owned = owned;
  }
}

/** The function being executed, to be read. */
export function topFrame(st: State): Frame {
  return st.frames[st.frames.length - 1];
}

/** A frame, to be written. */
export function ownFrame(st: State, frameno: number): Frame {
  const bit = 1 << frameno;
  if ((st.owned & bit) !== 0) return st.frames[frameno];
  const copy = cloneFrame(st.frames[frameno]);
  st.frames[frameno] = copy;
  st.owned |= bit;
  return copy;
}

/** The current frame, to be written. */
export function ownTop(st: State): Frame {
  return ownFrame(st, st.frames.length - 1);
}

function inherit(to: State, from: State): State {
  to.activeLock = from.activeLock;
  to.speculative = from.speculative;
  to.parent = from.parent;
  to.branches = from.branches;
  to.insnIdx = from.insnIdx;
  to.firstInsnIdx = from.firstInsnIdx;
  to.lastInsnIdx = from.lastInsnIdx;
  to.history = from.history;
  to.path = from.path;
  return to;
}

/** A copy for another path. From now on neither owns a frame. */
export function forkState(st: State): State {
  st.owned = 0;
  return inherit(new State(st.frames.slice(), 0), st);
}

/**
 * Remembers the state of the current path at an instruction: the result owns all its frames, and the path goes on in
 * frames of its own, whose liveness starts anew.
 */
export function rememberState(cur: State, insnIdx: number): State {
  const last = cur.frames.length - 1;
  const frames: Frame[] = [];
  for (let i = 0; i <= last; i++) frames.push(ownFrame(cur, i));
  const stored = inherit(new State(frames, -1), cur);
  stored.insnIdx = insnIdx;
  cur.frames = frames.map((f, i) => childFrame(f, i === last));
  cur.owned = -1;
  cur.parent = stored;
  cur.firstInsnIdx = insnIdx;
  cur.history = undefined;
  return stored;
}
