// SPDX-License-Identifier: MIT
import type { Insn } from '@tsbpf/insn';
import type { ScalarRules } from '../scalar/index.ts';
import type { InsnFacts, Verification } from '../verification.ts';
import { newFrame, type Frame } from './frame.ts';
import type { PathObserver } from './observer.ts';
import { notInit, pointer, type Reg } from './reg.ts';
import { State, ownTop, topFrame } from './state.ts';

/** A path that waits: where it goes on, and where it came from. */
export interface PendingPath {
  readonly state: State;
  readonly insnIdx: number;
  readonly prevInsnIdx: number;
  readonly below: PendingPath | undefined;
}

/**
 * The analysis of one function (main, or a global function on its own) while it runs: the current path, the paths that
 * wait, the states remembered. The counters of the whole verification are in `v.counters`; those here last over all
 * functions of a program.
 */
export interface Analysis {
  readonly v: Verification;
  /** `v.insns` and `v.insnFacts`: the program does not change while it is analysed. */
  readonly insns: readonly Insn[];
  readonly facts: readonly InsnFacts[];
  /** 1 where states are compared and remembered, by instruction. */
  readonly prunePoints: Uint8Array;
  /** States and instructions are logged. */
  readonly trace: boolean;
  /** Scalars start precise: the program has several functions, or an unprivileged loader. */
  readonly precise: boolean;
  readonly testStateFreq: boolean;
  /** The path for a rejection's explanation is kept. */
  readonly record: boolean;
  observer: PathObserver | undefined;
  readonly scalarRules: ScalarRules;

  /** The function being verified. */
  root: number;
  cur: State;
  insnIdx: number;
  prevInsnIdx: number;
  pending: PendingPath | undefined;
  pendingCount: number;
  /** Remembered states, in as many buckets as the program has instructions. */
  explored: (State | undefined)[];
  idGen: number;
  jumps: number;
  /** `jumps`, and instructions processed, when a state was remembered last. */
  jumpsAtState: number;
  insnsAtState: number;
}

/** What {@link Analysis} needs from its creator. */
export interface AnalysisOptions {
  readonly testStateFreq: boolean;
  readonly record: boolean;
  readonly observer?: PathObserver;
}

function scalarRulesOf(v: Verification): ScalarRules {
  return {
    tnumMul: v.rules.tnumMulByPartialProducts ? 'v5.14' : 'v5.6',
    sgtFalseAtMax: v.rules.signedGreaterStrict,
  };
}

function prunePointsOf(facts: readonly InsnFacts[]): Uint8Array {
  const points = new Uint8Array(facts.length);
  for (let i = 0; i < facts.length; i++) if (facts[i].prunePoint === true) points[i] = 1;
  return points;
}

/** An analysis that {@link startAt} is yet to point at a function. */
export function newAnalysis(v: Verification, options: AnalysisOptions): Analysis {
  return {
    v,
    insns: v.insns,
    facts: v.insnFacts,
    prunePoints: prunePointsOf(v.insnFacts),
    trace: v.log.level1,
    precise: v.subprogs.length > 1 || !v.allowPtrLeaks,
    testStateFreq: options.testStateFreq,
    record: options.record,
    observer: options.observer,
    scalarRules: scalarRulesOf(v),
    root: 0,
    cur: new State([], 0),
    insnIdx: 0,
    prevInsnIdx: -1,
    pending: undefined,
    pendingCount: 0,
    explored: [],
    idGen: 0,
    jumps: 0,
    jumpsAtState: 0,
    insnsAtState: 0,
  };
}

/** A frame of a function just entered. */
export function enterFrame(a: Analysis, callsite: number, frameno: number, subprog: number): Frame {
  return newFrame(callsite, frameno, subprog, notInit(a.precise), pointer('PTR_TO_STACK', a.precise, { frameno }));
}

/** Starts a function: nothing known but its frame pointer; no state remembered, no path waiting. */
export function startAt(a: Analysis, subprog: number): void {
  a.root = subprog;
  a.cur = new State([enterFrame(a, -1, 0, subprog)], -1);
  a.insnIdx = a.v.subprogs[subprog].start;
  a.prevInsnIdx = -1;
  a.pending = undefined;
  a.pendingCount = 0;
  a.explored = new Array<State | undefined>(a.insns.length).fill(undefined);
}

/** A register of the current function. */
export function regAt(a: Analysis, regno: number): Reg {
  return topFrame(a.cur).regs[regno];
}

/** Gives a register of the current function another state. Liveness is not touched. */
export function setReg(a: Analysis, regno: number, reg: Reg): void {
  ownTop(a.cur).regs[regno] = reg;
}

/** A pointer must not be told to the program, or to anything it can reach. */
export function isSecret(a: Analysis, reg: Reg): boolean {
  return !a.v.allowPtrLeaks && reg.type !== 'SCALAR_VALUE';
}
