// SPDX-License-Identifier: MIT
// What registers, stacks and packets of a run really hold, and what of it was compared with a state already.
import type { Reg, Slot } from '../../packages/verifier/src/index.ts';

const LOWER_HALF = 0xffff_ffffn;

/** One function of the chain of calls. */
export class RealFrame {
  /** R0 to R10 of the running function; of a caller only R6 to R10. */
  readonly regs: (bigint | undefined)[] = new Array<bigint | undefined>(11).fill(undefined);
  /** Kernel address of the first byte past its stack. */
  readonly stackTop: bigint;
  /** The register's state that is known to contain the value it has now: states are immutable, so it still does. */
  readonly okRegs: (Reg | undefined)[] = new Array<Reg | undefined>(11).fill(undefined);
  readonly okSlots: (Slot | undefined)[] = [];
  /** A stack of a state, all of whose slots are known to contain what is there. */
  okStack: readonly Slot[] | undefined;
  /** How far below its top it was used. */
  depth = 0;
  /** Registers, as bits, whose upper half is noise that nobody may read. */
  noise = 0;

  constructor(stackTop: bigint) {
    this.stackTop = stackTop;
    this.regs[10] = stackTop;
  }

  /** A register has another value now. */
  write(reg: number, value: bigint | undefined): void {
    if (this.regs[reg] === value) return;
    this.regs[reg] = value;
    this.okRegs[reg] = undefined;
  }

  /** What nobody may read counts as the zeros that the verifier believes there: the lower halves are compared. */
  hideNoise(): void {
    for (let reg = 0; this.noise >> reg !== 0; reg++) {
      const value = this.regs[reg];
      if ((this.noise & (1 << reg)) !== 0 && value !== undefined) this.write(reg, value & LOWER_HALF);
    }
  }

  /** Bytes of the stack changed. */
  wrote(at: bigint, lenBytes: number): void {
    const below = Number(this.stackTop - at);
    this.okStack = undefined;
    for (let spi = (below - lenBytes) >> 3; spi <= (below - 1) >> 3; spi++) this.okSlots[spi] = undefined;
  }

  /** Anything may have changed. */
  forget(): void {
    this.okRegs.fill(undefined);
    this.okSlots.length = 0;
    this.okStack = undefined;
  }
}

/** What really is. Addresses are 64-bit, unsigned. */
export interface Reality {
  /** Outermost first. */
  readonly frames: readonly RealFrame[];
  readonly ctx: bigint;
  /** Of programs with packets. */
  readonly data: bigint | undefined;
  readonly dataMeta: bigint | undefined;
  readonly dataEnd: bigint | undefined;
  /** Where values of maps were found, and the address of their map. */
  readonly values: ReadonlyMap<bigint, bigint>;
  read64(addr: bigint): bigint;
}

/** What a run shows is read at every instruction: one object that changes. */
export class CurrentReality implements Reality {
  readonly frames: RealFrame[] = [];
  readonly values = new Map<bigint, bigint>();
  readonly ctx: bigint;
  readonly read64: (addr: bigint) => bigint;
  data: bigint | undefined;
  dataMeta: bigint | undefined;
  dataEnd: bigint | undefined;

  constructor(ctx: bigint, read64: (addr: bigint) => bigint) {
    this.ctx = ctx;
    this.read64 = read64;
  }

  get top(): RealFrame {
    return this.frames[this.frames.length - 1];
  }

  /** The frame whose stack an address lies in: 512 bytes each. */
  frameAt(at: bigint): RealFrame | undefined {
    for (const frame of this.frames) if (at < frame.stackTop && at >= frame.stackTop - 512n) return frame;
    return undefined;
  }

  /** A value of a map that holds all of the bytes; undefined where none does. */
  valueAt(at: bigint, lenBytes: number, sizeOf: (map: bigint) => number): { base: bigint; map: bigint } | undefined {
    const end = at + BigInt(lenBytes);
    for (const [base, map] of this.values) if (at >= base && end <= base + BigInt(sizeOf(map))) return { base, map };
    return undefined;
  }
}
