// SPDX-License-Identifier: MIT
// Unprivileged pointer arithmetic by a register: noted for masking, and walked on as a processor may mispredict it.
// @see kernel/bpf/verifier.c, sanitize_ptr_alu, sanitize_val_alu
import { BPF_ADD, BPF_X, EACCES, EFAULT, MAX_BPF_STACK } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { ALU_NEG_VALUE, ALU_NON_POINTER, ALU_SANITIZE_DST, ALU_SANITIZE_SRC } from '../alu-state.ts';
import { refuse } from '../refuse.ts';
import type { Analysis } from '../state/analysis.ts';
import type { Reg } from '../state/reg.ts';
import type { Frame } from '../state/frame.ts';
import { LIVE_STANDIN, LIVE_WRITTEN } from '../state/liveness-bits.ts';
import { ownTop } from '../state/state.ts';
import { pushPath } from './pending.ts';

function needsNone(a: Analysis, insn: Insn): boolean {
  return a.v.allowPtrLeaks || (insn.code & BPF_X) === 0;
}

/**
 * How far a pointer may move in a direction before it leaves its object; undefined where that is not limited. Offsets
 * stay below the limit, so that to the left it must be one more than the bytes there are: `inclusive`.
 */
function ptrLimit(ptr: Reg, left: boolean, inclusive: boolean): number | undefined {
  const more = left && inclusive ? 1 : 0;
  if (ptr.type === 'PTR_TO_STACK') {
    const off = (ptr.off + ptr.bounds.valueLo) | 0;
    return (left ? MAX_BPF_STACK + off + more : -off) >>> 0;
  }
  if (ptr.type !== 'PTR_TO_MAP_VALUE') return undefined;
  if (left) return (ptr.bounds.umaxLo + ptr.off + more) >>> 0;
  return ((ptr.map?.valueSize ?? 0) - (ptr.bounds.sminLo + ptr.off)) >>> 0;
}

/** Notes what masking must do; false where another path wants something else. */
function note(a: Analysis, state: number, limit: number): boolean {
  const facts = a.facts[a.insnIdx];
  if (facts.aluState !== undefined && (facts.aluState !== state || facts.aluLimit !== limit)) return false;
  facts.aluState = state;
  facts.aluLimit = limit;
  return true;
}

/** @errno EACCES paths that need different masks; EFAULT too many paths */
export function sanitizePtrMath(
  a: Analysis,
  insn: Insn,
  ptr: Reg,
  how: { ptrIsDst: boolean; negative: boolean },
): void {
  if (needsNone(a, insn)) return;
  const add = (insn.code & 0xf0) === BPF_ADD;
  const message = `R${insn.dst} tried to ${add ? 'add' : 'sub'} from different maps or paths\n`;
  const { ptrIsDst, negative } = how;
  if (!a.cur.speculative) {
    const limit = ptrLimit(ptr, add === negative, a.v.rules.leftMaskInclusive);
    if (limit === undefined) return;
    const state = (negative ? ALU_NEG_VALUE : 0) | (ptrIsDst ? ALU_SANITIZE_SRC : ALU_SANITIZE_DST);
    if (!note(a, state, limit)) refuse(a.v, EACCES, message);
  }
  // The path on which the mask made the offset 0.
  const other = pushPath(a, a.insnIdx + 1, a.insnIdx, true);
  if (other === undefined) refuse(a.v, EFAULT, message);
  if (!ptrIsDst) standIn(ownTop(other), insn);
}

/** The destination becomes the source as a whole, with what is known of who wrote and reads it. */
function standIn(frame: Frame, { dst, src }: Insn): void {
  frame.regs[dst] = frame.regs[src];
  frame.live[dst] = (frame.live[src] & LIVE_WRITTEN) !== 0 ? frame.live[src] : LIVE_STANDIN;
  frame.defs[dst] = frame.defs[src];
}

/** A register added to, or subtracted from, a plain scalar. @errno EACCES a pointer comes here on another path */
export function sanitizeScalarMath(a: Analysis, insn: Insn): void {
  if (needsNone(a, insn) || note(a, ALU_NON_POINTER, 0)) return;
  const verb = (insn.code & 0xf0) === BPF_ADD ? 'add' : 'sub';
  refuse(a.v, EACCES, `R${insn.dst} tried to ${verb} from different pointers or scalars\n`);
}
