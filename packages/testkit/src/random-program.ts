// SPDX-License-Identifier: MIT
// Random programs that end and stay within their memory, as if a verifier had passed them: for comparing engines.
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_B,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_DW,
  BPF_FETCH,
  BPF_H,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_LSH,
  BPF_MOD,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_W,
  BPF_XCHG,
  BPF_XOR,
} from '@tsbpf/uapi';
import {
  alu32Imm,
  alu32Reg,
  alu64Imm,
  alu64Reg,
  atomic,
  callHelper,
  callPseudo,
  endian,
  exit,
  ja,
  jmp32Imm,
  jmp32Reg,
  jmpImm,
  jmpReg,
  ldImm64,
  ldxMem,
  ldxMemSx,
  loadAcquire,
  mayGoto,
  mov32Imm,
  mov32Reg,
  mov64Imm,
  mov64Reg,
  movsx32,
  movsx64,
  neg32,
  neg64,
  signedDivision,
  stMem,
  storeRelease,
  stxMem,
  type ProgramItem,
} from '@tsbpf/insn';
import type { RandomSource } from './random-source.ts';

/** Bytes of the buffer that R1 points at. */
export const SCRATCH_BYTES = 256;

const ALU = [BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_DIV, BPF_MOD];
const JUMPS = [
  ...[BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE],
  ...[BPF_JSET, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE],
];
const ATOMICS = [BPF_ADD, BPF_OR, BPF_AND, BPF_XOR].flatMap((op) => [op, op | BPF_FETCH]);
const SIZES = [BPF_B, BPF_H, BPF_W, BPF_DW] as const;
const BYTES: Readonly<Record<number, number>> = { [BPF_B]: 1, [BPF_H]: 2, [BPF_W]: 4, [BPF_DW]: 8 };
const EDGES = [0, 1, -1, 2, 7, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fff, -0x8000, 0x10000, 0x7fffffff, -0x80000000];

/** The buffer's pointer; a pointer into a stack, this frame's or the caller's; the first registers are scalars. */
const [BUFFER, STACK] = [9, 8];
const SCALARS = 8;
/** Data of a frame, below R10; the counters of loops come below. Of it the 32 bytes at the end are for pointers. */
const [DATA_BYTES, POINTED_BYTES] = [96, 32];

/** What a helper call in the program reaches: the caller of {@link randomProgram} has to provide it. */
export type RandomCall =
  | { readonly kind: 'helper'; readonly which: number }
  | { readonly kind: 'map'; readonly op: 'lookup' | 'update' | 'delete'; readonly which: number };

export interface RandomProgramOptions {
  /** Helpers and maps to choose from; 0 for none. */
  readonly helpers?: number;
  readonly maps?: number;
  /** Statements of the main function. */
  readonly size?: number;
  /**
   * Such that a verifier follows it: the stack is accessed at aligned offsets, loops count in ways it knows, numbers come
   * from the buffer, too.
   */
  readonly verifiable?: boolean;
  /** No more than Linux v5.6 has: versions 1 to 3, and of atomics the addition. */
  readonly only56?: boolean;
}

export interface RandomProgram {
  readonly items: readonly ProgramItem[];
  /** In the order of the call instructions. */
  readonly calls: readonly RandomCall[];
  /** Labels of functions that are global. */
  readonly globals: readonly string[];
}

/** A random program. Keys of maps are 4 bytes, values 8. */
export function randomProgram(random: RandomSource, options: RandomProgramOptions = {}): RandomProgram {
  return new Generator(random, options).program();
}

class Generator {
  readonly #random: RandomSource;
  readonly #options: RandomProgramOptions;
  readonly #items: ProgramItem[] = [];
  readonly #calls: RandomCall[] = [];
  readonly #globals: string[] = [];
  readonly #funcs: number;
  readonly #called = new Set<number>();
  #labels = 0;
  #func = 0;
  #loopDepth = 0;

  constructor(random: RandomSource, options: RandomProgramOptions) {
    this.#random = random;
    this.#options = options;
    this.#funcs = random(4);
  }

  program(): RandomProgram {
    for (this.#func = 0; this.#func <= this.#funcs; this.#func++) {
      if (this.#func > 0) {
        // A verifier refuses what nobody reaches.
        if (this.#options.verifiable === true && !this.#called.has(this.#func)) continue;
        this.#items.push(`f${this.#func}`);
        if (this.#random(3) === 0) this.#globals.push(`f${this.#func}`);
      }
      this.#function(this.#func === 0 ? (this.#options.size ?? 14) : 1 + this.#random(8));
    }
    return { items: this.#items, calls: this.#calls, globals: this.#globals };
  }

  get #only56(): boolean {
    return this.#options.only56 === true;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random(from.length)];
  }

  #put(...items: readonly ProgramItem[]): void {
    this.#items.push(...items);
  }

  #imm(): number {
    return this.#random(2) === 0 ? this.#pick(EDGES) : this.#random(2 ** 32) | 0;
  }

  #scalar(): number {
    return this.#random(SCALARS);
  }

  #label(): string {
    return `l${this.#labels++}`;
  }

  #function(size: number): void {
    this.#put(mov64Reg(BUFFER, 1));
    if (this.#func === 0) this.#put(mov64Reg(STACK, 10), alu64Imm(BPF_ADD, STACK, -POINTED_BYTES));
    else this.#put(mov64Reg(STACK, 2));
    for (let off = 8; off <= DATA_BYTES; off += 8) this.#put(stMem(BPF_DW, 10, -off, this.#imm()));
    const kept = this.#func === 0 ? [] : [3, 4, 5];
    for (let reg = 0; reg < SCALARS; reg++) if (!kept.includes(reg)) this.#constant(reg);
    this.#statements(size, 0);
    // What registers hold at the end shows: in the buffer, and in the result.
    for (let reg = 0; reg < SCALARS; reg++) {
      if (this.#func === 0) this.#put(stxMem(BPF_DW, BUFFER, reg, 8 * reg));
      if (reg > 0) this.#put(alu64Imm(BPF_MUL, 0, 31), alu64Reg(BPF_ADD, 0, reg));
    }
    this.#put(exit());
  }

  #constant(reg: number): void {
    if (this.#options.verifiable === true && this.#random(3) === 0) {
      this.#put(ldxMem(BPF_DW, reg, BUFFER, 8 * this.#random(SCRATCH_BYTES / 8)));
      return;
    }
    const kind = this.#random(4);
    if (kind === 0) {
      this.#put(ldImm64(reg, (BigInt(this.#random(2 ** 32)) << 32n) | BigInt(this.#imm() >>> 0)));
    } else {
      this.#put(kind === 1 ? mov32Imm(reg, this.#imm()) : mov64Imm(reg, this.#imm()));
    }
  }

  #statements(count: number, depth: number): void {
    for (let i = 0; i < count; i++) this.#statement(depth);
  }

  #statement(depth: number): void {
    const kind = this.#random(depth < 3 ? 26 : 16);
    if (kind < 7) this.#alu();
    else if (kind < 11) this.#memory();
    else if (kind < 13) this.#atomic();
    else if (kind < 14) this.#pointer();
    else if (kind < 15) this.#call();
    else if (kind < 16) this.#constant(this.#scalar());
    else if (kind < 20) this.#branch(depth);
    else if (kind < 22) this.#loop(depth);
    else if (kind < 23) this.#tangle(depth);
    else if (kind < 24) this.#diamonds(depth);
    else if (kind < 25) this.#mayGotoLoop(depth);
    else this.#leave();
  }

  #alu(): void {
    const [dst, src] = [this.#scalar(), this.#scalar()];
    switch (this.#random(9)) {
      case 0:
        return this.#put(this.#pick([neg64(dst), neg32(dst), mov32Reg(dst, src), mov64Reg(dst, src)]));
      case 1:
        return this.#put(
          endian(this.#pick(this.#only56 ? ['le', 'be'] : ['le', 'be', 'bswap']), dst, this.#pick([16, 32, 64])),
        );
      case 2:
        if (this.#only56) break;
        return this.#put(
          this.#random(2) === 0 ? movsx64(dst, src, this.#pick([8, 16, 32])) : movsx32(dst, src, this.#pick([8, 16])),
        );
    }
    const op = this.#pick(ALU);
    const wide = this.#random(2) === 0;
    const isShift = op === BPF_LSH || op === BPF_RSH || op === BPF_ARSH;
    const divides = op === BPF_DIV || op === BPF_MOD;
    let imm = isShift ? this.#random(wide ? 64 : 32) : this.#imm();
    if (this.#options.verifiable === true && divides && imm === 0) imm = 3;
    const byReg = this.#random(2) === 0;
    // What 32-bit division leaves in upper halves depends on the version of Linux.
    if (this.#options.verifiable === true && divides && byReg && !wide)
      this.#put(mov32Reg(src, src), mov32Reg(dst, dst));
    const insn = byReg ? (wide ? alu64Reg : alu32Reg)(op, dst, src) : (wide ? alu64Imm : alu32Imm)(op, dst, imm);
    this.#put(!this.#only56 && divides && this.#random(3) === 0 ? signedDivision(insn) : insn);
  }

  /** A register that points to memory, and an offset at which `lenBytes` are its. */
  #place(lenBytes: number, aligned = false): [reg: number, off: number] {
    let step = aligned ? lenBytes : 1;
    const within = (room: number): number => this.#random(Math.floor((room - lenBytes) / step) + 1) * step;
    const where = this.#random(4);
    if (where === 0) return [BUFFER, within(SCRATCH_BYTES)];
    if (this.#options.verifiable === true) step = lenBytes;
    return where === 1 ? [STACK, within(POINTED_BYTES)] : [10, within(DATA_BYTES) - DATA_BYTES];
  }

  #memory(): void {
    const size = this.#pick(SIZES);
    const [reg, off] = this.#place(BYTES[size]);
    const scalar = this.#scalar();
    switch (this.#random(4)) {
      case 0:
        return this.#put(stMem(size, reg, off, this.#imm()));
      case 1:
        return this.#put(stxMem(size, reg, scalar, off));
      case 2:
        return this.#put(
          size === BPF_DW || this.#only56 ? ldxMem(size, scalar, reg, off) : ldxMemSx(size, scalar, reg, off),
        );
      default:
        return this.#put(ldxMem(size, scalar, reg, off));
    }
  }

  #atomic(): void {
    const size = this.#pick([BPF_W, BPF_DW]);
    const [reg, off] = this.#place(BYTES[size], true);
    const scalar = this.#scalar();
    const kind = this.#random(12);
    if (this.#only56) this.#put(atomic(size, BPF_ADD, reg, scalar, off));
    else if (kind === 0) this.#put(loadAcquire(size, scalar, reg, off));
    else if (kind === 1) this.#put(storeRelease(size, reg, scalar, off));
    else if (kind < 4) this.#put(atomic(size, BPF_XCHG, reg, scalar, off));
    else if (kind < 6) {
      // Half of the time what is compared is there.
      if (this.#random(2) === 0) this.#put(ldxMem(size, 0, reg, off));
      this.#put(atomic(size, BPF_CMPXCHG, reg, scalar, off));
    } else this.#put(atomic(size, this.#pick(ATOMICS), reg, scalar, off));
  }

  /** Arithmetic on a pointer, an access through it, and no pointer any more. */
  #pointer(): void {
    const reg = this.#scalar();
    const size = this.#pick(SIZES);
    const value = (reg + 1) % SCALARS;
    const [base, room, start] = this.#pick([
      [BUFFER, SCRATCH_BYTES, 0],
      [10, DATA_BYTES, -DATA_BYTES],
      [STACK, POINTED_BYTES, 0],
    ]);
    const step = this.#options.verifiable === true && base !== BUFFER ? BYTES[size] : 1;
    const at = this.#random(Math.floor((room - BYTES[size]) / step) + 1) * step + start;
    const split = this.#random(512) - 256;
    this.#put(mov64Reg(reg, base), alu64Imm(BPF_ADD, reg, at - split));
    if (this.#random(2) === 0) {
      const other = (reg + 2) % SCALARS;
      this.#put(mov64Imm(other, 8), alu64Reg(BPF_ADD, reg, other), this.#back(reg));
    }
    this.#put(this.#random(2) === 0 ? ldxMem(size, value, reg, split) : stxMem(size, reg, value, split));
    this.#constant(reg);
  }

  /** No verifier has a stack pointer subtracted from. */
  #back(reg: number): ProgramItem {
    return this.#options.verifiable === true ? alu64Imm(BPF_ADD, reg, -8) : alu64Imm(BPF_SUB, reg, 8);
  }

  #call(): void {
    const { helpers = 0, maps = 0 } = this.#options;
    const kinds = ['local', ...(helpers > 0 ? ['helper'] : []), ...(maps > 0 ? ['map', 'map'] : [])];
    const kind = this.#pick(kinds);
    if (kind === 'local') {
      if (this.#func >= this.#funcs) return;
      this.#put(mov64Reg(1, BUFFER), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -POINTED_BYTES));
      if (this.#random(2) === 0) this.#put(mov64Reg(2, STACK));
      const callee = this.#func + 1 + this.#random(this.#funcs - this.#func);
      this.#called.add(callee);
      this.#put(callPseudo(`f${callee}`));
    } else if (kind === 'helper') {
      this.#calls.push({ kind: 'helper', which: this.#random(helpers) });
      this.#put(callHelper(1));
    } else {
      this.#mapCall(maps);
    }
    for (let reg = 1; reg <= 5; reg++) this.#constant(reg);
  }

  #mapCall(maps: number): void {
    const op = this.#pick(['lookup', 'update', 'delete'] as const);
    this.#calls.push({ kind: 'map', op, which: this.#random(maps) });
    this.#put(stMem(BPF_W, 10, -8, this.#random(6)));
    this.#put(mov64Imm(1, 0), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -8));
    this.#put(mov64Reg(3, 10), alu64Imm(BPF_ADD, 3, -24), mov64Imm(4, this.#random(3)), callHelper(1));
    if (op !== 'lookup') return;
    const none = this.#label();
    const [value, done] = [6, this.#label()];
    this.#put(jmpImm(BPF_JEQ, 0, 0, none));
    this.#put(ldxMem(BPF_DW, value, 0, 0), alu64Imm(BPF_ADD, value, 1), stxMem(BPF_DW, 0, value, 0));
    if (this.#random(2) === 0) this.#put(atomic(BPF_DW, BPF_ADD, 0, value, 0));
    this.#put(mov64Reg(0, value), ja(done), none, mov64Imm(0, -1), done);
  }

  /** A condition on scalars. */
  #jump(label: string): ProgramItem {
    const [op, dst] = [this.#pick(JUMPS), this.#scalar()];
    const wide = this.#random(2) === 0;
    if (this.#random(2) === 0) return (wide ? jmpReg : jmp32Reg)(op, dst, this.#scalar(), label);
    return (wide ? jmpImm : jmp32Imm)(op, dst, this.#imm(), label);
  }

  #branch(depth: number): void {
    const [other, done] = [this.#label(), this.#label()];
    this.#put(this.#jump(other));
    this.#statements(this.#random(3), depth + 1);
    this.#put(ja(done), other);
    this.#statements(this.#random(3), depth + 1);
    this.#put(done);
  }

  #counter(): number {
    return -DATA_BYTES - 8 * this.#loopDepth;
  }

  /** Runs `inside` with a counter of its own; `from` and `again` begin and end a loop. */
  #counted(inside: (turn: (label: string) => void) => void): void {
    if (this.#loopDepth >= 3) return;
    this.#loopDepth++;
    const at = this.#counter();
    const turns = 1 + this.#random(4);
    // A verifier knows what a register holds, and keeps it for what is stored from it.
    if (this.#options.verifiable === true) this.#put(mov64Imm(0, turns), stxMem(BPF_DW, 10, 0, at));
    else this.#put(stMem(BPF_DW, 10, at, turns));
    inside((label) => {
      const reg = this.#scalar();
      this.#put(ldxMem(BPF_DW, reg, 10, at), alu64Imm(BPF_ADD, reg, -1), stxMem(BPF_DW, 10, reg, at));
      this.#put(jmpImm(this.#pick([BPF_JNE, BPF_JSGT]), reg, 0, label));
    });
    this.#loopDepth--;
  }

  #loop(depth: number): void {
    const [start, next, done] = [this.#label(), this.#label(), this.#label()];
    this.#counted((turn) => {
      this.#put(start);
      this.#statements(1 + this.#random(2), depth + 1);
      if (this.#random(3) === 0) this.#put(this.#jump(done));
      if (this.#random(3) === 0) this.#put(this.#jump(next));
      this.#statements(this.#random(2), depth + 1);
      this.#put(next);
      turn(start);
      this.#put(done);
    });
  }

  /** A loop that is entered in its middle, too. */
  #tangle(depth: number): void {
    const [start, middle] = [this.#label(), this.#label()];
    this.#counted((turn) => {
      this.#put(this.#jump(middle), start);
      this.#statements(1 + this.#random(2), depth + 1);
      this.#put(middle);
      this.#statements(1, depth + 1);
      turn(start);
    });
  }

  /** Conditions that share their ends, as && and || and switch make them. */
  #diamonds(depth: number): void {
    const labels = [this.#label(), this.#label(), this.#label()];
    for (const label of labels) {
      this.#put(this.#jump(this.#pick(labels)), this.#jump(label));
      this.#statements(1, depth + 1);
    }
    for (const label of labels) {
      this.#put(label);
      this.#statements(this.#random(2), depth + 1);
    }
  }

  #mayGotoLoop(depth: number): void {
    const [start, done] = [this.#label(), this.#label()];
    this.#counted((turn) => {
      this.#put(start);
      if (!this.#only56) this.#put(mayGoto(done));
      this.#statements(1, depth + 1);
      turn(start);
      this.#put(done);
    });
  }

  #leave(): void {
    if (this.#random(4) > 0) return;
    const stay = this.#label();
    this.#put(this.#jump(stay), exit(), stay);
  }
}
