// SPDX-License-Identifier: MIT
// References that a program must give back. @see kernel/bpf/verifier.c, acquire_reference_state, release_reference
import { type Frame, ownStack } from '../state/frame.ts';
import type { Analysis } from '../state/analysis.ts';
import { unknownScalar } from '../state/reg.ts';
import { ownFrame, ownTop, topFrame } from '../state/state.ts';

/** A new reference, acquired by the current instruction: its id. */
export function acquireRef(a: Analysis): number {
  const frame = ownTop(a.cur);
  const id = ++a.idGen;
  frame.refs = [...frame.refs, { id, insnIdx: a.insnIdx }];
  return id;
}

/** Takes a reference off a frame's list, the last one taking its place. False where it is not there. */
export function dropRef(frame: Frame, id: number): boolean {
  const at = frame.refs.findIndex((ref) => ref.id === id);
  if (at < 0) return false;
  const refs = [...frame.refs];
  const last = refs.pop();
  if (last !== undefined && at < refs.length) refs[at] = last;
  frame.refs = refs;
  return true;
}

/** Gives a reference back: pointers that came with it, in all functions, are numbers now. False where there is none. */
export function releaseRef(a: Analysis, id: number): boolean {
  if (!dropRef(ownTop(a.cur), id)) return false;
  const nothing = unknownScalar(a.precise);
  for (let i = 0; i < a.cur.frames.length; i++) {
    const { regs, stack } = a.cur.frames[i];
    for (let r = 0; r < regs.length; r++) if (regs[r].refObjId === id) ownFrame(a.cur, i).regs[r] = nothing;
    for (let spi = 0; spi < stack.length; spi++) {
      const slot = stack[spi];
      if (typeof slot !== 'number' && slot.refObjId === id) ownStack(ownFrame(a.cur, i))[spi] = nothing;
    }
  }
  return true;
}

/** Logs each reference the current function still holds; true where there is one. */
export function logLeakedRefs(a: Analysis): boolean {
  const { refs } = topFrame(a.cur);
  for (const ref of refs) a.v.log.write(`Unreleased reference id=${ref.id} alloc_insn=${ref.insnIdx}\n`);
  return refs.length > 0;
}
