// SPDX-License-Identifier: MIT
import { KERNEL_BASE } from '@tsbpf/memory';
import { BPF_REG_FP, MAX_BPF_STACK } from '@tsbpf/uapi';
import { I32, I64, op, type FunctionBuilder, type Label } from '@tsbpf/wasm';
import { MAX_FOLDED, Turns } from './turns.ts';
import type { Unit, UnitFunc } from './unit.ts';

/** Registers, AX included. */
const REGS = 12;

/** A main function written where it is called: locals with the base, R1 and R0, and where to go at its end. */
export interface Placed {
  readonly base: number;
  readonly ctx: number;
  readonly r0: number;
  readonly exit: Label;
}

/**
 * A function being written, or a copy of one inside its caller. BPF registers are i64 locals; R10 is no local: it is
 * the frame's base plus a constant, and so is whatever else is known to point into the stack.
 */
export class Body {
  readonly unit: Unit;
  readonly fn: FunctionBuilder;
  readonly func: UnitFunc;
  /** From the base to this function's own frame. */
  readonly bias: number;
  /** A copy ends at this label; a function of its own returns. */
  readonly exit: Label | undefined;
  /** The local with the base of the outermost frame of this Wasm function. */
  readonly base: number;
  /** Registers that are R10 plus so many bytes. */
  known: (number | undefined)[];
  /**
   * Locals with the low words of registers that sums were put into: addresses are made of those, so that a sum that is
   * nothing but an address is one of 32 bits. Valid as long as the register keeps its value.
   */
  lows: (number | undefined)[];
  /** Turns of a loop that were put together. */
  readonly turns = new Turns(this);
  readonly #lowLocals: (number | undefined)[] = [];
  readonly #locals: (number | undefined)[];
  readonly #borrowed: number[] = [];
  #loops: number | undefined;

  constructor(unit: Unit, fn: FunctionBuilder, func: UnitFunc, caller?: { body: Body; exit: Label } | Placed) {
    this.unit = unit;
    this.fn = fn;
    this.func = func;
    this.exit = caller?.exit;
    this.#locals = new Array<number | undefined>(REGS).fill(undefined);
    this.known = new Array<number | undefined>(REGS).fill(undefined);
    this.lows = new Array<number | undefined>(REGS).fill(undefined);
    if (caller !== undefined && 'ctx' in caller) {
      this.base = caller.base;
      this.bias = 0;
      this.#locals[0] = caller.r0;
      this.#locals[1] = caller.ctx;
      return;
    }
    this.base = 0;
    this.bias = caller === undefined ? 0 : caller.body.bias + MAX_BPF_STACK;
    // A copy shares R0 to R5 with its caller, who may not read its own again.
    if (caller === undefined) {
      let param = 1;
      for (let reg = 1; reg <= 5; reg++) if ((func.args & (1 << reg)) !== 0) this.#locals[reg] = param++;
      return;
    }
    for (let reg = 0; reg <= 5; reg++) {
      this.#locals[reg] = caller.body.#local(reg);
      const off = caller.body.known[reg];
      if (off !== undefined) this.known[reg] = off - MAX_BPF_STACK;
    }
  }

  /** Gives back what a copy borrowed. */
  end(): void {
    for (const local of this.#borrowed) this.fn.giveBackLocal(I64, local);
    for (const local of this.#lowLocals) if (local !== undefined) this.fn.giveBackLocal(I32, local);
    this.turns.end();
  }

  #local(reg: number): number {
    let local = this.#locals[reg];
    if (local !== undefined) return local;
    if (this.exit === undefined) local = this.fn.local(I64, reg < 11 ? `r${reg}` : 'ax');
    else {
      local = this.fn.borrowLocal(I64);
      this.#borrowed.push(local);
    }
    this.#locals[reg] = local;
    return local;
  }

  /** The counter of may_goto, made when first asked for. */
  get loops(): number {
    return (this.#loops ??= this.fn.local(I32, 'loops'));
  }

  /** Whether the function counts loops. */
  get countsLoops(): boolean {
    return this.#loops !== undefined;
  }

  /** Pushes the 64 bits of a register. */
  get(reg: number): void {
    const { fn } = this;
    if (reg !== BPF_REG_FP) {
      fn.localGet(this.#local(reg));
      return;
    }
    fn.localGet(this.base);
    fn.op(op.i64ExtendI32U);
    fn.i64Const(BigInt.asIntN(64, KERNEL_BASE + BigInt(this.bias + MAX_BPF_STACK)));
    fn.op(op.i64Add);
  }

  /** Pops 64 bits into a register. */
  set(reg: number): void {
    this.known[reg] = undefined;
    this.lows[reg] = undefined;
    this.turns.sums[reg] = undefined;
    this.fn.localSet(this.#local(reg));
  }

  /** Pops an i32, the low word of what the register is about to be set to: {@link keepLow} after that. */
  setLow(reg: number): void {
    this.fn.localSet((this.#lowLocals[reg] ??= this.fn.borrowLocal(I32)));
  }

  /** The register was just set to what the last {@link setLow} was given the low word of. */
  keepLow(reg: number): void {
    this.lows[reg] = this.#lowLocals[reg];
  }

  /** Bytes from the base to what a register points to, if that is known. */
  #fromBase(reg: number): number | undefined {
    const off = reg === BPF_REG_FP ? 0 : this.known[reg];
    return off === undefined ? undefined : this.bias + MAX_BPF_STACK + off;
  }

  /** Pushes the low word of a register. */
  low(reg: number): void {
    const { fn } = this;
    const delta = this.#fromBase(reg);
    const kept = this.lows[reg];
    const sum = this.turns.sums[reg];
    if (delta === undefined && sum !== undefined) {
      fn.localGet(sum.low);
      fn.i32Const(sum.add);
      fn.op(op.i32Add);
      return;
    }
    if (delta === undefined && kept !== undefined) {
      fn.localGet(kept);
      return;
    }
    if (delta === undefined) {
      fn.localGet(this.#local(reg));
      fn.op(op.i32WrapI64);
      return;
    }
    fn.localGet(this.base);
    if (delta === 0) return;
    fn.i32Const(delta);
    fn.op(op.i32Add);
  }

  /** Pushes the high word of a register. */
  high(reg: number): void {
    this.get(reg);
    this.fn.i64ConstS32(32);
    this.fn.op(op.i64ShrU);
    this.fn.op(op.i32WrapI64);
  }

  /** Pushes an address, and answers the offset that the access has to add. */
  address(reg: number, off: number): number {
    const { fn } = this;
    const delta = this.#fromBase(reg);
    if (delta !== undefined && delta + off >= 0) {
      fn.localGet(this.base);
      return delta + off;
    }
    const sum = this.turns.sums[reg];
    if (delta === undefined && sum !== undefined && sum.add + off >= 0 && sum.add + off <= MAX_FOLDED) {
      fn.localGet(sum.low);
      return sum.add + off;
    }
    this.low(reg);
    if (off >= 0) return off;
    fn.i32Const(off);
    fn.op(op.i32Add);
    return 0;
  }

  /** Pops an i32 and widens it without a sign, into a register. */
  setZext(reg: number): void {
    this.fn.op(op.i64ExtendI32U);
    this.set(reg);
  }

  /** Ends the function with R0 as it is. */
  leave(): void {
    const { fn } = this;
    if (this.exit !== undefined) {
      fn.br(this.exit);
      return;
    }
    this.get(0);
    fn.return();
  }

  /** Nothing is known of R0 to R5 any more. */
  forgetCallerSaved(): void {
    this.known.fill(undefined, 0, 6);
    this.lows.fill(undefined, 0, 6);
    this.turns.sums.fill(undefined, 0, 6);
  }
}
