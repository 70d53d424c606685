// SPDX-License-Identifier: MIT
// What code of turns that were put together knows. They are straight-line code: what one of them has made stays until
// the last.
import { I32, I64, op, type PlainOp, type ValType } from '@tsbpf/wasm';
import type { Body } from './body.ts';

/** Sums of a snapshot and more than this are not followed. */
const MAX_SUM = 2 ** 30;
/** Kernel memory begins behind: so much less than an address of it has not wrapped. */
export const MAX_FOLDED = 0xffff;

/** A register as what it once held, plus a constant. */
interface CountedFrom {
  /** The local with the 64 bits of then; -1 where the sum is one of 32 bits. */
  readonly wide: number;
  /** The local with the low word of then. */
  readonly low: number;
  readonly add: number;
}

/** Of a register and a type: what it held before the turns, and what was gathered since. */
interface Gathered {
  readonly type: ValType;
  readonly before: number;
  readonly since: number;
  begun: boolean;
}

export class Turns {
  /** Whether what is written are such turns. */
  active = false;
  /** Bits of the registers that they gather in. */
  gathers = 0;
  /** By register: what the turns count. Valid as long as the register keeps its value. */
  sums: (CountedFrom | undefined)[] = [];
  readonly #body: Body;
  readonly #gathered = new Map<string, Gathered>();
  readonly #limits = new Map<number, { type: ValType; local: number }>();
  readonly #snapshots: { wide: number; low: number }[] = [];
  #snapshotsUsed = 0;

  constructor(body: Body) {
    this.#body = body;
  }

  /** Something else is written: what there was for turns before is used again. */
  leave(): void {
    this.active = false;
    this.gathers = 0;
    this.sums = [];
    this.#snapshotsUsed = 0;
    for (const one of this.#gathered.values()) one.begun = false;
  }

  /** A block of turns is written: the first, or the one behind that at whose end `sums` were known. */
  enter(gathers: number, sums: Turns['sums'] = []): void {
    this.active = true;
    this.gathers = gathers;
    this.sums = [...sums];
  }

  /** Gives back what was borrowed. */
  end(): void {
    const { fn } = this.#body;
    for (const { type, local } of this.#limits.values()) fn.giveBackLocal(type, local);
    for (const { type, before, since } of this.#gathered.values()) {
      fn.giveBackLocal(type, before);
      fn.giveBackLocal(type, since);
    }
    for (const { wide, low } of this.#snapshots) {
      fn.giveBackLocal(I64, wide);
      fn.giveBackLocal(I32, low);
    }
  }

  /** The local with a limit of a loop. */
  limit(id: number, wide: boolean): number {
    let found = this.#limits.get(id);
    if (found === undefined) {
      const type = wide ? I64 : I32;
      found = { type, local: this.#body.fn.borrowLocal(type) };
      this.#limits.set(id, found);
    }
    return found.local;
  }

  /** Gathers a register in another by an operation of either width, apart from what that held before the turns. */
  gather(dst: number, src: number, opcode: PlainOp, wide: boolean): void {
    const body = this.#body;
    const { fn } = body;
    const key = `${dst} ${wide}`;
    let one = this.#gathered.get(key);
    if (one === undefined) {
      const type = wide ? I64 : I32;
      one = { type, before: fn.borrowLocal(type), since: fn.borrowLocal(type), begun: false };
      this.#gathered.set(key, one);
    }
    const push = (reg: number): void => (wide ? body.get(reg) : body.low(reg));
    if (one.begun) fn.localGet(one.since);
    else {
      push(dst);
      fn.localSet(one.before);
    }
    push(src);
    if (one.begun) fn.op(opcode);
    fn.localTee(one.since);
    one.begun = true;
    fn.localGet(one.before);
    fn.op(opcode);
    if (!wide) fn.op(op.i64ExtendI32U);
    body.set(dst);
  }

  /**
   * Counts a register up or down: each sum is made from what the register held before the first of them, so that none
   * waits for another, and accesses add constants. False where the sum gets too far, and nothing has changed.
   */
  count(reg: number, delta: number, wide: boolean): boolean {
    const body = this.#body;
    const { fn } = body;
    let from = this.sums[reg];
    if (from === undefined || (wide && from.wide < 0)) {
      const snapshot = (this.#snapshots[this.#snapshotsUsed++] ??= {
        wide: fn.borrowLocal(I64),
        low: fn.borrowLocal(I32),
      });
      body.get(reg);
      fn.localTee(snapshot.wide);
      fn.op(op.i32WrapI64);
      fn.localSet(snapshot.low);
      from = { ...snapshot, add: 0 };
    }
    const add = from.add + delta;
    if (Math.abs(add) > MAX_SUM) return false;
    fn.localGet(wide ? from.wide : from.low);
    if (wide) fn.i64ConstS32(add);
    else fn.i32Const(add);
    fn.op(wide ? op.i64Add : op.i32Add);
    if (!wide) fn.op(op.i64ExtendI32U);
    body.set(reg);
    this.sums[reg] = { wide: wide ? from.wide : -1, low: from.low, add };
    return true;
  }

  /** The register was set to another, or to its low word. */
  copied(dst: number, sum: CountedFrom | undefined, wide: boolean): void {
    this.sums[dst] = sum === undefined || wide ? sum : { ...sum, wide: -1 };
  }
}
