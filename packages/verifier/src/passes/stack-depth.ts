// SPDX-License-Identifier: MIT
import { E2BIG, EACCES, MAX_BPF_STACK } from '@tsbpf/uapi';
import { refuse } from '../refuse.ts';
import { subprogAt, type Verification } from '../verification.ts';
import { isSubprogCall } from './subprogs.ts';

/** Frames on a stack of calls, main's included. */
const MAX_CALL_FRAMES = 8;

/** Bytes a function takes of the stack when frames are added up: at least 1, rounded up to 32. */
function roundedDepth(bytes: number): number {
  return (Math.max(bytes, 1) + 31) & ~31;
}

/**
 * Adds up the stack of every chain of calls, as the call instructions stand in the program: jumps are not followed and
 * dead calls count.
 * @errno EACCES more than 512 bytes; E2BIG more than 8 frames
 * @see kernel/bpf/verifier.c, check_max_stack_depth
 */
export function checkStackDepth(v: Verification): void {
  const callees = v.subprogs.map(() => [] as number[]);
  for (let i = 0; i < v.insns.length; i++) {
    if (!isSubprogCall(v.insns[i])) continue;
    callees[subprogAt(v, i)].push(subprogAt(v, i + v.insns[i].imm + 1));
  }
  // What passed once passes again: a whole call tree would be exponential to walk.
  const passed = new Set<number>();

  const walk = (subprog: number, frame: number, callerDepth: number): void => {
    const key = (subprog * MAX_CALL_FRAMES + frame) * (MAX_BPF_STACK + 1) + callerDepth;
    if (passed.has(key)) return;
    const depth = callerDepth + roundedDepth(v.subprogs[subprog].stackDepth);
    if (depth > MAX_BPF_STACK) {
      refuse(v, EACCES, `combined stack size of ${frame + 1} calls is ${depth}. Too large\n`);
    }
    for (const callee of callees[subprog]) {
      if (frame + 1 >= MAX_CALL_FRAMES) {
        refuse(v, E2BIG, `the call stack of ${frame + 1} frames is too deep !\n`);
      }
      walk(callee, frame + 1, depth);
    }
    passed.add(key);
  };
  walk(0, 0, 0);
}
