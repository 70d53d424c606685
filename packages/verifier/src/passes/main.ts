// SPDX-License-Identifier: MIT
// The analysis: every path of a function, instruction by instruction. @see kernel/bpf/verifier.c, do_check_common
import { BPF_F_TEST_STATE_FREQ, BPF_PROG_TYPE_EXT } from '@tsbpf/uapi';
import { prepareFuncArgs } from '../btf/func-args.ts';
import { argsMatch } from '../call/subprog.ts';
import { walkPaths } from '../insn/walk.ts';
import { type Analysis, newAnalysis, startAt } from '../state/analysis.ts';
import type { PathObserver } from '../state/observer.ts';
import { pointer, unknownScalar } from '../state/reg.ts';
import { topFrame } from '../state/state.ts';
import type { Verification } from '../verification.ts';

/** An analysis of the program, for {@link checkGlobalSubprogs} and then {@link checkMain}. */
export function createAnalysis(v: Verification, options: { record: boolean; observer?: PathObserver }): Analysis {
  return newAnalysis(v, {
    testStateFreq: v.allowPtrLeaks && (v.prog.flags & BPF_F_TEST_STATE_FREQ) !== 0,
    ...options,
  });
}

/** Arguments as BTF has them, for what is verified without a caller. */
function argsFromBtf(a: Analysis, subprog: number): void {
  const { regs } = topFrame(a.cur);
  prepareFuncArgs(a.v, subprog).forEach((type, r) => {
    if (type === 'PTR_TO_CTX') regs[r] = pointer('PTR_TO_CTX', a.precise);
    else if (type === 'SCALAR_VALUE') regs[r] = unknownScalar(a.precise);
  });
}

/** Stands the analysis at the start of a function, with what it knows of its arguments. @errno EINVAL, EFAULT of BTF */
export function enterFunction(a: Analysis, subprog: number): void {
  startAt(a, subprog);
  a.v.prevLine = undefined;
  if (subprog !== 0 || a.v.prog.type === BPF_PROG_TYPE_EXT) {
    argsFromBtf(a, subprog);
    return;
  }
  topFrame(a.cur).regs[1] = pointer('PTR_TO_CTX', a.precise);
  // Main may have any prototype: a wrong one only makes it unreliable.
  argsMatch(a, 0);
}

/** Global functions, each on its own, in order: callers rely on their prototypes only. @errno as the analysis has them */
export function checkGlobalSubprogs(a: Analysis): void {
  const { v } = a;
  if (v.funcInfo.length === 0) return;
  for (let i = 1; i < v.subprogs.length; i++) {
    if (v.subprogs[i].linkage !== 'global') continue;
    enterFunction(a, i);
    walkPaths(a);
    if (a.trace) v.log.write(`Func#${i} is safe for any args that match its prototype\n`);
  }
}

/** Main, from its context argument. @errno as the analysis has them */
export function checkMain(a: Analysis): void {
  enterFunction(a, 0);
  walkPaths(a);
}
