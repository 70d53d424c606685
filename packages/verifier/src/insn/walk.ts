// SPDX-License-Identifier: MIT
// The main loop. @see kernel/bpf/verifier.c, do_check
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_EXIT,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_PSEUDO_CALL,
  BPF_ST,
  BPF_STX,
  BPF_X,
  E2BIG,
  EINVAL,
  InternalError,
} from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { checkHelperCall } from '../call/helper.ts';
import { logLeakedRefs } from '../call/references.ts';
import { checkSubprogCall, returnToCaller } from '../call/subprog.ts';
import { logInsn } from '../log/print-insn.ts';
import { logState } from '../log/print-state.ts';
import { logSourceLine } from '../log/source-line.ts';
import { isVisited } from '../prune/visited.ts';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import type { Analysis } from '../state/analysis.ts';
import { observe } from '../state/observer.ts';
import { topFrame } from '../state/state.ts';
import { checkAlu } from './alu.ts';
import { checkBranch } from './branch.ts';
import { checkExitValue } from './exit.ts';
import { checkLoadImm } from './load-imm.ts';
import { checkLoadPacket } from './load-packet.ts';
import { checkLoad, checkStoreImm, checkStoreReg } from './memory.ts';
import { endPath } from './pending.ts';

/** Instructions that the analysis processes at most, over all paths. */
export const COMPLEXITY_LIMIT = 1_000_000;
const FUNC_SPIN_UNLOCK = 94;

/** How a path goes on after an instruction. */
export const NEXT = 0;
/** `insnIdx` has been set. */
const JUMPED = 1;
/** Back in a caller: the log shows the state first. */
const RETURNED = 2;
const ENDED = 3;

/** Walks all paths from where the analysis stands. @errno as instructions have them; E2BIG too many instructions */
export function walkPaths(a: Analysis): void {
  const { v } = a;
  const { counters } = v;
  let showState = false;
  let prevInsnIdx = -1;
  let popped = false;
  for (;;) {
    a.prevInsnIdx = prevInsnIdx;
    if (a.record || a.observer !== undefined) noteStep(a, popped);
    if (a.insnIdx >= a.insns.length) {
      throw new InternalError(`a path runs to insn ${a.insnIdx} of ${a.insns.length}`);
    }
    if (++counters.processedInsns > COMPLEXITY_LIMIT) {
      refuse(v, E2BIG, `BPF program is too large. Processed ${counters.processedInsns} insn\n`);
    }
    popped = false;
    let step: number;
    if (isVisited(a, a.insnIdx)) {
      a.observer?.pruned();
      if (a.trace) v.log.write(showState ? `\nfrom ${whereFrom(a)}: safe\n` : `${a.insnIdx}: safe\n`);
      step = ENDED;
    } else {
      if (a.trace) {
        logStep(a, showState);
        if (showState || v.log.level2) showState = false;
      }
      a.facts[a.insnIdx].seen = true;
      prevInsnIdx = a.insnIdx;
      step = execute(a, a.insns[a.insnIdx]);
    }
    if (step === NEXT) {
      a.insnIdx++;
    } else if (step === RETURNED) {
      showState = true;
    } else if (step === ENDED) {
      if (!endPath(a)) return;
      prevInsnIdx = a.prevInsnIdx;
      showState = true;
      popped = true;
    }
  }
}

/** The path has come to one more instruction. */
function noteStep(a: Analysis, popped: boolean): void {
  const { cur, observer } = a;
  const path = { insnIdx: a.insnIdx, popped, before: cur.path };
  cur.path = path;
  if (observer === undefined) return;
  observe(observer, cur, path);
  if (observer.done !== true) return;
  a.observer = undefined;
  if (!a.record) cur.path = undefined;
}

function whereFrom(a: Analysis): string {
  return `${a.prevInsnIdx} to ${a.insnIdx}${a.cur.speculative ? ' (speculative execution)' : ''}`;
}

function logStep(a: Analysis, showState: boolean): void {
  const { log } = a.v;
  if (log.level2 || showState) {
    log.write(log.level2 ? `${a.insnIdx}:` : `\nfrom ${whereFrom(a)}:`);
    logState(a.v, topFrame(a.cur));
  }
  logSourceLine(a.v, a.insnIdx, '; ');
  logInsn(a.v, a.insnIdx);
}

/** Runs one instruction: its checks, and what it changes. Says how the path goes on. */
export function execute(a: Analysis, insn: Insn): number {
  switch (insn.code & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      checkAlu(a, insn);
      return NEXT;
    case BPF_LDX:
      checkLoad(a, insn);
      return NEXT;
    case BPF_STX:
      checkStoreReg(a, insn);
      return NEXT;
    case BPF_ST:
      checkStoreImm(a, insn);
      return NEXT;
    case BPF_JMP:
    case BPF_JMP32:
      a.jumps++;
      return jump(a, insn);
    case BPF_LD:
      return load(a, insn);
    default:
      return refuse(a.v, EINVAL, `unknown insn class ${insn.code & 7}\n`);
  }
}

function load(a: Analysis, insn: Insn): number {
  const mode = insn.code & 0xe0;
  if (mode === BPF_ABS || mode === BPF_IND) {
    checkLoadPacket(a, insn);
    return NEXT;
  }
  if (mode !== BPF_IMM) refuse(a.v, EINVAL, 'invalid BPF_LD mode\n');
  checkLoadImm(a, insn);
  a.insnIdx++;
  a.facts[a.insnIdx].seen = true;
  return NEXT;
}

function jump(a: Analysis, insn: Insn): number {
  switch (insn.code & 0xf0) {
    case BPF_CALL:
      return call(a, insn);
    case BPF_JA:
      checkUnused(a, insn, 'BPF_JA uses reserved fields\n');
      a.insnIdx += insn.off + 1;
      return JUMPED;
    case BPF_EXIT:
      return exit(a, insn);
    default:
      a.insnIdx += checkBranch(a, insn) + 1;
      return JUMPED;
  }
}

function checkUnused(a: Analysis, insn: Insn, message: string): void {
  const { code, dst, src, imm } = insn;
  if ((code & BPF_X) !== 0 || imm !== 0 || src !== 0 || dst !== 0 || (code & 7) === BPF_JMP32) {
    refuse(a.v, EINVAL, message);
  }
}

function call(a: Analysis, insn: Insn): number {
  const { code, dst, src, off, imm } = insn;
  const own = src === BPF_PSEUDO_CALL;
  if ((code & BPF_X) !== 0 || off !== 0 || (src !== 0 && !own) || dst !== 0 || (code & 7) === BPF_JMP32) {
    refuse(a.v, EINVAL, 'BPF_CALL uses reserved fields\n');
  }
  if (a.cur.activeLock !== 0 && (own || imm !== FUNC_SPIN_UNLOCK)) {
    refuse(a.v, EINVAL, 'function calls are not allowed while holding a lock\n');
  }
  if (own) {
    checkSubprogCall(a, insn);
    return JUMPED;
  }
  checkHelperCall(a, imm);
  return NEXT;
}

function exit(a: Analysis, insn: Insn): number {
  checkUnused(a, insn, 'BPF_EXIT uses reserved fields\n');
  if (a.cur.activeLock !== 0) refuse(a.v, EINVAL, 'bpf_spin_unlock is missing\n');
  if (a.cur.frames.length > 1) {
    returnToCaller(a);
    return RETURNED;
  }
  if (logLeakedRefs(a)) reject(EINVAL);
  checkExitValue(a);
  return ENDED;
}
