// SPDX-License-Identifier: MIT
// Loads and stores of the stack. @see kernel/bpf/verifier.c, check_stack_read, check_stack_write
import { EACCES, EINVAL, MAX_BPF_STACK } from '@tsbpf/uapi';
import { logSourceLine } from '../log/source-line.ts';
import { markRegPrecise } from '../prune/precision.ts';
import { markSlotRead } from '../prune/mark-read.ts';
import { refuse } from '../refuse.ts';
import { ZERO, formatTnum, tnumIsConst } from '../scalar/index.ts';
import type { Analysis } from '../state/analysis.ts';
import { type Frame, REG_FP, growStack, ownStack } from '../state/frame.ts';
import { LIVE_WRITTEN } from '../state/liveness-bits.ts';
import { type Reg, isConstScalar, isNullScalar, scalar, unknownScalar } from '../state/reg.ts';
import { isSpillable } from '../state/reg-class.ts';
import { BYTE_MISC, BYTE_ZERO, SLOT_MISC, byteKind, withByte } from '../state/slot.ts';
import { ownFrame, topFrame } from '../state/state.ts';

const SLOT_SIZE = 8;

/** The slot an offset from the frame pointer lies in. */
export function slotOf(off: number): number {
  return (-off - 1) >> 3;
}

/** Index of the byte at `off` in its slot: 0 is the highest address. */
function byteOf(off: number): number {
  return (-off - 1) & 7;
}

/** The function uses its stack down to `off`. */
export function noteStackDepth(a: Analysis, frame: Frame, off: number): void {
  const subprog = a.v.subprogs[frame.subprog];
  if (subprog.stackDepth < -off) subprog.stackDepth = -off;
}

/** Why an access does not start in the frame at an offset that is known; undefined where it does. */
export function stackOffsetProblem(reg: Reg, off: number, size: number): string | undefined {
  if (!tnumIsConst(reg.bounds)) {
    return `variable stack access var_off=${formatTnum(reg.bounds)} off=${off} size=${size}\n`;
  }
  return off >= 0 || off < -MAX_BPF_STACK ? `invalid stack off=${off} size=${size}\n` : undefined;
}

/** The access starts in the frame, at an offset that is known. Alignment sees to the end. @errno EACCES */
export function checkStackOffset(a: Analysis, reg: Reg, off: number, size: number): void {
  const problem = stackOffsetProblem(reg, off, size);
  if (problem !== undefined) refuse(a.v, EACCES, problem);
}

/**
 * A load into `into`, or into nothing (-1: an atomic operation reads memory but fills no register).
 * @errno EACCES
 */
export function loadStack(a: Analysis, frameno: number, off: number, size: number, into: number): Reg | undefined {
  const { v } = a;
  const frame = a.cur.frames[frameno];
  const spi = slotOf(off);
  if (spi >= frame.stack.length) refuse(v, EACCES, `invalid read from stack off ${off}+0 size ${size}\n`);
  const slot = frame.stack[spi];
  let result: Reg;
  if (typeof slot !== 'number') {
    if (size === SLOT_SIZE) {
      result = slot;
    } else {
      if (slot.type !== 'SCALAR_VALUE') {
        logSourceLine(v, a.insnIdx, '; ');
        refuse(v, EACCES, 'invalid size of register fill\n');
      }
      result = unknownScalar(a.precise);
    }
  } else {
    let zeros = 0;
    for (let i = 0; i < size; i++) {
      const kind = byteKind(slot, byteOf(off + i));
      if (kind === BYTE_ZERO) zeros++;
      else if (kind !== BYTE_MISC) {
        refuse(v, EACCES, `invalid read from stack off ${off}+${i} size ${size}\n`);
      }
    }
    // Known zeros are precise: what made them was followed when they were stored.
    result = zeros === size ? scalar(ZERO, true) : unknownScalar(a.precise);
  }
  markSlotRead(v, frame, spi);
  return into < 0 ? undefined : result;
}

/**
 * A store of register `from`, or of something unknown (-1: an immediate, an atomic operation, a helper).
 * @errno EACCES, EINVAL
 */
export function storeStack(a: Analysis, frameno: number, off: number, size: number, from: number): void {
  const { v } = a;
  const spi = slotOf(off);
  const frame = ownFrame(a.cur, frameno);
  const before = growStack(frame, spi)[spi];
  if (!v.allowPtrLeaks && typeof before !== 'number' && size !== SLOT_SIZE) {
    refuse(v, EACCES, 'attempt to corrupt spilled pointer on stack\n');
  }
  const reg = from < 0 ? undefined : topFrame(a.cur).regs[from];

  if (reg !== undefined && size === SLOT_SIZE && isConstScalar(reg) && !isNullScalar(reg) && v.allowPtrLeaks) {
    // A run backwards only knows slots that are addressed through R10.
    if (a.insns[a.insnIdx].dst !== REG_FP) markRegPrecise(a, from);
    spill(a, frameno, spi, from);
  } else if (reg !== undefined && isSpillable(reg.type)) {
    if (size !== SLOT_SIZE) {
      logSourceLine(v, a.insnIdx, '; ');
      refuse(v, EACCES, 'invalid size of register spill\n');
    }
    if (frameno !== a.cur.frames.length - 1 && reg.type === 'PTR_TO_STACK') {
      refuse(v, EINVAL, 'cannot spill pointers to stack into stack frame of the caller\n');
    }
    if (!v.allowPtrLeaks) noteSlotReuse(a, before, spi);
    spill(a, frameno, spi, from);
  } else {
    storeBytes(a, frameno, spi, { off, size, from, isNull: reg !== undefined && isNullScalar(reg) });
  }
}

function spill(a: Analysis, frameno: number, spi: number, from: number): void {
  const reg = topFrame(a.cur).regs[from];
  const frame = ownFrame(a.cur, frameno);
  ownStack(frame)[spi] = reg;
  frame.stackLive[spi] |= LIVE_WRITTEN;
}

/**
 * Unprivileged: a pointer goes where data was. A processor may still see the data, so the rewrite clears the slot first.
 */
function noteSlotReuse(a: Analysis, before: Reg | number, spi: number): void {
  let reused = false;
  if (typeof before !== 'number') reused = isConstScalar(before);
  else for (let i = 0; i < SLOT_SIZE; i++) if (byteKind(before, i) === BYTE_MISC) reused = true;
  if (!reused) return;
  const facts = a.facts[a.insnIdx];
  const slotOff = -SLOT_SIZE * (spi + 1);
  if (facts.sanitizeStackOff !== undefined && facts.sanitizeStackOff !== slotOff) {
    refuse(a.v, EINVAL, `insn ${a.insnIdx} cannot access two stack slots fp${facts.sanitizeStackOff} and fp${slotOff}`);
  }
  facts.sanitizeStackOff = slotOff;
}

/** Plain data. A spilled register in the slot is gone, all of it. */
function storeBytes(
  a: Analysis,
  frameno: number,
  spi: number,
  store: { off: number; size: number; from: number; isNull: boolean },
): void {
  const { off, size, from, isNull } = store;
  // Zeros are kept as such, so what made the value zero matters.
  if (isNull) markRegPrecise(a, from);
  const frame = ownFrame(a.cur, frameno);
  const stack = ownStack(frame);
  const before = stack[spi];
  let kinds = typeof before === 'number' ? before : SLOT_MISC;
  if (size === SLOT_SIZE) frame.stackLive[spi] |= LIVE_WRITTEN;
  for (let i = 0; i < size; i++) kinds = withByte(kinds, byteOf(off + i), isNull ? BYTE_ZERO : BYTE_MISC);
  stack[spi] = kinds;
}
