// SPDX-License-Identifier: MIT
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP, BPF_JMP32, EINVAL, InternalError } from '@tsbpf/uapi';
import { insnClass, insnOp } from '@tsbpf/insn';
import { logSourceLine } from '../log/source-line.ts';
import { refuse } from '../refuse.ts';
import type { Verification } from '../verification.ts';
import { isSubprogCall } from './subprogs.ts';

// Progress of the search at an instruction. Edges are taken in this order.
const UNSEEN = 0;
const ON_PATH = 1;
const FIRST_EDGE_DONE = 2;
const BOTH_EDGES_DONE = 3;
const LEFT = 4;

/**
 * Depth-first search of the static graph: every instruction must be reachable, and an edge back to an instruction on
 * the current path is a loop, which only privileged programs may have and only by a jump. A call's edges (to what
 * follows it, then to the callee) never go back: that is recursion. Marks where states are to be compared.
 *
 * Edges lead into the program: checked with the functions.
 * @errno EINVAL
 * @see kernel/bpf/verifier.c, check_cfg
 */
export function checkCfg(v: Verification): void {
  const { insns } = v;
  const state = new Uint8Array(insns.length);
  const path = new Int32Array(insns.length);
  let depth = 0;
  const enter = (idx: number): void => {
    state[idx] = ON_PATH;
    path[depth++] = idx;
  };
  const prunePoint = (idx: number): void => {
    if (idx < insns.length) v.insnFacts[idx].prunePoint = true;
  };

  /** Follows an edge; true where the search went down it. */
  const follow = (from: number, to: number, loopAllowed: boolean): boolean => {
    const seen = state[to];
    if (seen === undefined) throw new InternalError(`edge from insn ${from} to ${to} leaves the program`);
    if (seen === UNSEEN) {
      enter(to);
      return true;
    }
    if (seen !== LEFT && !(loopAllowed && v.allowPtrLeaks)) {
      logSourceLine(v, from, `${from}: `);
      logSourceLine(v, to, `${to}: `);
      refuse(v, EINVAL, `back-edge from insn ${from} to ${to}\n`);
    }
    return false;
  };

  enter(0);
  while (depth > 0) {
    const idx = path[depth - 1];
    const insn = insns[idx];
    const cls = insnClass(insn);
    const op = cls === BPF_JMP || cls === BPF_JMP32 ? insnOp(insn) : undefined;
    const branch = op === BPF_CALL ? idx + 1 + insn.imm : idx + 1 + insn.off;

    if (state[idx] === ON_PATH && op !== BPF_EXIT) {
      state[idx] = FIRST_EDGE_DONE;
      let down: boolean;
      if (op === BPF_JA) {
        down = follow(idx, branch, true);
        prunePoint(branch);
        prunePoint(idx + 1);
      } else {
        const conditional = op !== undefined && op !== BPF_CALL;
        if (conditional) prunePoint(idx);
        down = follow(idx, idx + 1, conditional);
        if (op === BPF_CALL) prunePoint(idx + 1);
      }
      if (down) continue;
    }
    if (
      state[idx] === FIRST_EDGE_DONE &&
      op !== undefined &&
      op !== BPF_JA &&
      (op !== BPF_CALL || isSubprogCall(insn))
    ) {
      state[idx] = BOTH_EDGES_DONE;
      if (op === BPF_CALL) prunePoint(idx);
      prunePoint(branch);
      if (follow(idx, branch, op !== BPF_CALL)) continue;
    }
    state[idx] = LEFT;
    depth--;
  }

  const unreachable = state.indexOf(UNSEEN);
  if (unreachable >= 0) {
    refuse(v, EINVAL, `unreachable insn ${unreachable}\n`);
  }
}
