// SPDX-License-Identifier: MIT
// Calls of functions of the same program, and returns from them. @see kernel/bpf/verifier.c, check_func_call,
// prepare_func_exit
import { E2BIG, EINVAL } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { matchFuncArgs } from '../btf/func-args.ts';
import { clobberCallerSaved } from '../insn/reg-access.ts';
import { logState } from '../log/print-state.ts';
import { ctxRegProblem } from '../mem/ctx.ts';
import { refuse } from '../refuse.ts';
import { type Analysis, enterFrame } from '../state/analysis.ts';
import type { Frame } from '../state/frame.ts';
import { unknownScalar } from '../state/reg.ts';
import { ownTop, topFrame } from '../state/state.ts';
import { subprogAt } from '../verification.ts';

/** Functions in a chain of calls, main included. */
const MAX_CALL_FRAMES = 8;

/** Whether the arguments in R1 to R5 agree with a function's BTF. */
export function argsMatch(a: Analysis, subprog: number): boolean {
  const { regs } = topFrame(a.cur);
  return matchFuncArgs(a.v, subprog, regs, (regno) => {
    const problem = ctxRegProblem(regs[regno], regno);
    if (problem !== undefined) a.v.log.write(problem);
    return problem === undefined;
  });
}

/**
 * A call: the path goes on in the callee. A global function is verified on its own; of it only the arguments matter.
 * @errno E2BIG too many calls inside each other; EINVAL
 */
export function checkSubprogCall(a: Analysis, insn: Insn): void {
  const { v, cur } = a;
  const frameno = cur.frames.length;
  if (frameno >= MAX_CALL_FRAMES) refuse(v, E2BIG, `the call stack of ${frameno + 1} frames is too deep\n`);
  const start = a.insnIdx + insn.imm + 1;
  const subprog = subprogAt(v, start);
  const matches = argsMatch(a, subprog);
  if (v.subprogs[subprog].linkage === 'global' && v.funcInfo.length > 0) {
    if (!matches) refuse(v, EINVAL, `Caller passes invalid args into func#${subprog}\n`);
    if (a.trace) v.log.write(`Func#${subprog} is global and valid. Skipping.\n`);
    clobberCallerSaved(a).regs[0] = unknownScalar(a.precise);
    a.insnIdx++;
    return;
  }
  const callee = enterFrame(a, a.insnIdx, frameno, subprog);
  const caller = ownTop(cur);
  callee.refs = caller.refs;
  passArguments(caller, callee);
  clobberCallerSaved(a);
  cur.frames.push(callee);
  cur.owned |= 1 << frameno;
  a.insnIdx = start;
  if (!a.trace) return;
  v.log.write('caller:\n');
  logState(v, caller);
  v.log.write('callee:\n');
  logState(v, callee);
}

/** R1 to R5, with what is known of who reads them. */
function passArguments(caller: Frame, callee: Frame): void {
  for (let r = 1; r <= 5; r++) {
    callee.regs[r] = caller.regs[r];
    callee.live[r] = caller.live[r];
    callee.defs[r] = caller.defs[r];
  }
  callee.argParent = caller.argParent;
}

/** An exit from a callee: the path goes on behind the call. @errno EINVAL */
export function returnToCaller(a: Analysis): void {
  const { v, cur } = a;
  const callee = topFrame(cur);
  if (callee.regs[0].type === 'PTR_TO_STACK') {
    refuse(v, EINVAL, 'cannot return stack pointer to the caller\n');
  }
  cur.frames.pop();
  const caller = ownTop(cur);
  caller.regs[0] = callee.regs[0];
  caller.live[0] = callee.live[0];
  caller.defs[0] = callee.defs[0];
  caller.resultParent = callee.resultParent;
  caller.refs = callee.refs;
  a.insnIdx = callee.callsite + 1;
  if (!a.trace) return;
  v.log.write('returning from callee:\n');
  logState(v, callee);
  v.log.write(`to caller at ${a.insnIdx}:\n`);
  logState(v, caller);
}
