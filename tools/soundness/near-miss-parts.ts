// SPDX-License-Identifier: MIT
// What programs with one mistake are made of.
import {
  alu32Imm,
  alu64Imm,
  alu64Reg,
  callHelper,
  ja,
  jmp32Imm,
  jmpImm,
  jmpReg,
  ldMapFd,
  ldMapValue,
  ldxMem,
  mov32Reg,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
  type ProgramItem,
} from '../../packages/insn/src/index.ts';
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_DW,
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
} from '../../packages/uapi/src/index.ts';
import type { NetMap } from './net-kernel.ts';
import { input } from './statement-input.ts';
import { BYTES, SIZES } from './statement-memory.ts';
import { SCRATCH_OFF, type Writer } from './writer.ts';

/** Stack that only these programs use. */
export const TRAP_OFF = SCRATCH_OFF - 8;

/** R`reg` = a value of 56 bytes that is there for certain. */
export function value(w: Writer, reg: number): number {
  w.put(ldMapValue(reg, w.maps.single.fd, 0));
  return w.maps.single.valueSize;
}

/** R0 = a value, or NULL. */
export function lookUp(w: Writer, map: NetMap): void {
  w.put(stMem(BPF_DW, 10, SCRATCH_OFF, w.random.below(2)), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, SCRATCH_OFF));
  w.put(ldMapFd(1, map.fd), callHelper(1));
}

/** R`reg` = a value that was looked up; behind `skip` there was none. */
export function found(w: Writer, reg: number, map: NetMap, skip: string): void {
  lookUp(w, map);
  w.put(jmpImm(BPF_JEQ, 0, 0, skip), mov64Reg(reg, 0));
}

/** A load or a store of so many bytes: `size` is an opcode's. */
export function touch(w: Writer, reg: number, size: number, off: number, write = w.random.chance(0.4)): void {
  if (!write) w.put(ldxMem(size, reg === 5 ? 4 : 5, reg, off));
  else if (w.random.chance(0.5)) w.put(stMem(size, reg, off, 0x41));
  else w.put(mov64Imm(reg === 5 ? 4 : 5, 0x42), stxMem(size, reg, reg === 5 ? 4 : 5, off));
}

export function anySize(w: Writer): number {
  return w.random.pick(SIZES);
}

/** Goes to `skip` unless a register, which may hold anything, is 0 to `limit`. R2 is used. */
export function atMost(w: Writer, reg: number, limit: number, skip: string): void {
  const { random } = w;
  const ok = w.label();
  const inside = (...items: readonly ProgramItem[]): void => w.put(...items, ja(skip), ok);
  switch (random.below(17)) {
    case 0:
      return w.put(jmpImm(BPF_JGT, reg, limit, skip));
    case 1:
      return w.put(jmpImm(BPF_JGE, reg, limit + 1, skip));
    case 2:
      return inside(jmpImm(BPF_JLE, reg, limit, ok));
    case 3:
      return inside(jmpImm(BPF_JLT, reg, limit + 1, ok));
    case 4:
      return w.put(jmpImm(BPF_JSLT, reg, 0, skip), jmpImm(BPF_JSGT, reg, limit, skip));
    case 5:
      return w.put(jmpImm(BPF_JSGE, reg, limit + 1, skip), jmpImm(BPF_JSLE, reg, -1, skip));
    case 6:
      return inside(jmpImm(BPF_JSGT, reg, limit, skip), jmpImm(BPF_JSGE, reg, 0, ok));
    case 7:
      return inside(jmpImm(BPF_JSLT, reg, 0, skip), jmpImm(BPF_JSLE, reg, limit, ok));
    case 8:
      return w.put(mov64Imm(2, limit), jmpReg(BPF_JLT, 2, reg, skip));
    case 9:
      return inside(mov64Imm(2, limit), jmpReg(BPF_JGE, 2, reg, ok));
    case 10:
      return w.put(mov64Imm(2, limit + 1), jmpReg(BPF_JLE, 2, reg, skip));
    case 11:
      return inside(mov64Imm(2, limit + 1), jmpReg(BPF_JGT, 2, reg, ok));
    case 12:
      return w.put(mov32Reg(reg, reg), jmp32Imm(random.chance(0.5) ? BPF_JGT : BPF_JSGT, reg, limit, skip));
    case 13:
      return inside(mov32Reg(reg, reg), jmp32Imm(random.chance(0.5) ? BPF_JLE : BPF_JLT, reg, limit, ok));
    case 14:
      return w.put(jmpImm(BPF_JNE, reg, limit, skip));
    case 15:
      return inside(jmpImm(BPF_JEQ, reg, limit, ok));
    default: {
      const bits = 32 - Math.clz32(limit);
      const way = random.below(5);
      if (way === 0) return w.put(jmpImm(BPF_JSET, reg, -(2 ** bits), skip), jmpImm(BPF_JGT, reg, limit, skip));
      if (way === 1) w.put(alu64Imm(BPF_AND, reg, 2 ** bits - 1));
      else if (way === 2) w.put(alu64Imm(BPF_RSH, reg, 64 - bits));
      else if (way === 3) w.put(alu32Imm(BPF_RSH, reg, 32 - bits));
      else w.put(alu64Imm(BPF_MOD, reg, limit + 1), alu64Imm(BPF_AND, reg, 2 ** bits - 1));
      return w.put(jmpImm(BPF_JGT, reg, limit, skip));
    }
  }
}

/** A number from outside that is 0 to `mask`, of low bits: in most ways no run goes to `skip`. */
export function small(w: Writer, reg: number, mask: number, skip: string): void {
  input(w, reg);
  if (w.random.chance(0.7)) w.put(alu64Imm(BPF_AND, reg, mask));
  else atMost(w, reg, mask, skip);
}

/** What is known of an index. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Computes on with an index, in ways of which v5.6 knows the result; it stays below 4096. */
export function compute(w: Writer, reg: number, range: Range): Range {
  const { random } = w;
  let { low, high } = range;
  for (let times = random.pick([0, 0, 1, 1, 2, 3]); times > 0; times--) {
    const c = random.between(1, 5);
    const way = random.below(9);
    if (way === 0 && high < 400) {
      w.put(alu64Imm(BPF_LSH, reg, 1));
      [low, high] = [low * 2, high * 2];
    } else if (way === 1 && high * c < 800) {
      w.put(alu64Imm(BPF_MUL, reg, c));
      [low, high] = [low * c, high * c];
    } else if (way === 2) {
      w.put(alu64Imm(BPF_ADD, reg, c));
      [low, high] = [low + c, high + c];
    } else if (way === 3) {
      w.put(alu64Imm(random.chance(0.5) ? BPF_RSH : BPF_ARSH, reg, 1));
      [low, high] = [low >> 1, high >> 1];
    } else if (way === 4 && low >= c) {
      w.put(alu64Imm(BPF_SUB, reg, c));
      [low, high] = [low - c, high - c];
    } else if (way === 5) {
      const bits = 2 ** (32 - Math.clz32(high | c)) - 1;
      w.put(alu64Imm(BPF_OR, reg, c));
      [low, high] = [Math.max(low, c), bits];
    } else if (way === 6) {
      const mask = random.pick([1, 3, 7, 15, 14, 12, 31]);
      w.put(alu64Imm(BPF_AND, reg, mask));
      [low, high] = [0, Math.min(high, mask)];
    } else if (way === 7) w.put(mov32Reg(reg, reg));
    else {
      // Through the stack, where nothing but its size is known of it any more.
      w.put(mov64Reg(2, 10), stxMem(BPF_DW, 10, reg, TRAP_OFF), ldxMem(BPF_W, 2, 10, TRAP_OFF), mov64Reg(2, reg));
    }
  }
  return { low, high };
}

/** A number from outside, 0 to `limit` where the program does not go to `skip`, and computed with. */
export function index(w: Writer, reg: number, limit: number, skip: string): Range {
  input(w, reg);
  atMost(w, reg, limit, skip);
  return compute(w, reg, { low: 0, high: limit });
}

/** R`reg` += R`by`, or what comes to the same. */
export function add(w: Writer, reg: number, by: number): void {
  if (w.random.chance(0.75)) w.put(alu64Reg(BPF_ADD, reg, by));
  else w.put(alu64Reg(BPF_ADD, by, reg), mov64Reg(reg, by));
}

export function bytesOf(size: number): number {
  return BYTES[size];
}

/** R`reg` = a number that decides which way to go: of it nothing is known. */
export function coin(w: Writer, reg: number): void {
  input(w, reg);
}

/** Jumps that need states to be remembered. */
export function forks(w: Writer, count = w.random.below(3)): void {
  for (let i = 0; i < count; i++) {
    const label = w.label();
    coin(w, 2);
    w.put(jmpImm(w.random.pick([BPF_JEQ, BPF_JGT, BPF_JSET]), 2, w.random.between(1, 9), label));
    w.put(mov64Imm(2, 0), label);
  }
}
