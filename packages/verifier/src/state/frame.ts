// SPDX-License-Identifier: MIT
import type { Reg } from './reg.ts';
import { SLOT_EMPTY, type Slot } from './slot.ts';

/** A reference that must be released: its id, and the instruction that acquired it. */
export interface Ref {
  readonly id: number;
  readonly insnIdx: number;
}

const NO_REFS: readonly Ref[] = [];
const NO_LIVE: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** The frame pointer's register. */
export const REG_FP = 10;

/**
 * One function in a chain of calls: registers, stack, references, and the liveness of each register and slot.
 *
 * A register's parent is the register of the same number in some frame of the parent state, usually the same function's.
 * Arguments of a function just called have the caller's parents, and a result just returned has the callee's: hence
 * three links. A slot's parent is the slot of the same number in `parent`, where that frame has one.
 *
 * Whoever writes must own the frame, see State. `stack` is shared until written: use {@link ownStack}.
 * @see include/linux/bpf_verifier.h, struct bpf_func_state
 */
export class Frame {
  /** Index of the call instruction; -1 for the function verified. */
  readonly callsite: number;
  readonly frameno: number;
  readonly subprog: number;
  /** R0 to R10. */
  regs: Reg[];
  /** Liveness bits of R0 to R10. */
  live: number[];
  /** For R0 to R9: one more than the index of the instruction that wrote 32 bits; 0 where 64 were written. */
  defs: number[];
  /** From the frame pointer downwards, in steps of 8 bytes. */
  stack: Slot[];
  stackOwned: boolean;
  /** Liveness bits of each slot. */
  stackLive: number[];
  refs: readonly Ref[];
  /** Of R6 to R9 and the stack. */
  parent: Frame | undefined;
  /** Of R1 to R5. */
  argParent: Frame | undefined;
  /** Of R0. */
  resultParent: Frame | undefined;

  constructor(
    callsite: number,
    frameno: number,
    subprog: number,
    regs: Reg[],
    live: number[],
    defs: number[],
    stack: Slot[],
    stackOwned: boolean,
    stackLive: number[],
    refs: readonly Ref[],
    parent: Frame | undefined,
    argParent: Frame | undefined,
    resultParent: Frame | undefined,
  ) {
    this.callsite = callsite;
    this.frameno = frameno;
    this.subprog = subprog;
    this.regs = regs;
    this.live = live;
    this.defs = defs;
    this.stack = stack;
    this.stackOwned = stackOwned;
    this.stackLive = stackLive;
    this.refs = refs;
    this.parent = parent;
    this.argParent = argParent;
    this.resultParent = resultParent;
  }
}

/** A function just entered. `fp` is its R10, `empty` what every other register is. */
export function newFrame(callsite: number, frameno: number, subprog: number, empty: Reg, fp: Reg): Frame {
  const regs: Reg[] = new Array<Reg>(11).fill(empty);
  regs[REG_FP] = fp;
  const none = undefined;
  return new Frame(
    callsite,
    frameno,
    subprog,
    regs,
    NO_LIVE.slice(),
    NO_LIVE.slice(),
    [],
    true,
    [],
    NO_REFS,
    none,
    none,
    none,
  );
}

/** A private copy; the stack stays shared until one of them writes it. */
export function cloneFrame(f: Frame): Frame {
  f.stackOwned = false;
  return new Frame(
    f.callsite,
    f.frameno,
    f.subprog,
    f.regs.slice(),
    f.live.slice(),
    f.defs.slice(),
    f.stack,
    false,
    f.stackLive.slice(),
    f.refs,
    f.parent,
    f.argParent,
    f.resultParent,
  );
}

/**
 * The frame that continues where `f` was remembered: same contents, no liveness, `f` as parent. Of a caller only R6 to
 * R9 and the stack get the new parent.
 */
export function childFrame(f: Frame, current: boolean): Frame {
  f.stackOwned = false;
  return new Frame(
    f.callsite,
    f.frameno,
    f.subprog,
    f.regs.slice(),
    NO_LIVE.slice(),
    f.defs.slice(),
    f.stack,
    false,
    new Array<number>(f.stack.length).fill(0),
    f.refs,
    f,
    current ? f : f.argParent,
    current ? f : f.resultParent,
  );
}

/** Where the parent of a register is to be found. */
export function regParent(f: Frame, regno: number): Frame | undefined {
  if (regno >= 6) return f.parent;
  return regno === 0 ? f.resultParent : f.argParent;
}

/** The stack, to be written. The frame is owned. */
export function ownStack(f: Frame): Slot[] {
  if (!f.stackOwned) {
    f.stack = f.stack.slice();
    f.stackOwned = true;
  }
  return f.stack;
}

/** Makes the stack cover slot `spi`. The frame is owned. */
export function growStack(f: Frame, spi: number): Slot[] {
  const stack = ownStack(f);
  while (stack.length <= spi) {
    stack.push(SLOT_EMPTY);
    f.stackLive.push(0);
  }
  return stack;
}
