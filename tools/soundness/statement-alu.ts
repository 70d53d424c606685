// SPDX-License-Identifier: MIT
// Numbers.
import {
  alu32Imm,
  alu32Reg,
  alu64Imm,
  alu64Reg,
  endian,
  ja,
  jmp32Imm,
  jmp32Reg,
  jmpImm,
  jmpReg,
  ldImm64,
  mov32Imm,
  mov32Reg,
  mov64Imm,
  mov64Reg,
  neg32,
  neg64,
  type ProgramItem,
} from '../../packages/insn/src/index.ts';
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_B,
  BPF_DIV,
  BPF_DW,
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
  BPF_XOR,
} from '../../packages/uapi/src/index.ts';
import { NONE, NUM } from './kinds.ts';
import { input } from './statement-input.ts';
import type { Writer } from './writer.ts';

const OPS = [BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_DIV, BPF_MOD];
/** Conditional jumps. */
export const JUMPS = [
  ...[BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE],
  ...[BPF_JSET, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE],
];
const SHIFTS = [BPF_LSH, BPF_RSH, BPF_ARSH];

/** One operation on numbers. */
export function arithmetic(w: Writer): void {
  const { random } = w;
  const dst = w.number();
  const src = w.number();
  if (random.chance(0.12)) {
    const pick = random.below(6);
    const unary = [
      neg64(dst),
      neg32(dst),
      endian('le', dst, random.pick([16, 32, 64])),
      endian('be', dst, random.pick([16, 32, 64])),
    ];
    if (pick < 4) w.put(unary[pick]);
    else w.put(pick === 4 ? mov32Reg(dst, src) : mov64Reg(dst, src));
  } else {
    const op = random.pick(OPS);
    const byReg = random.chance(0.5);
    // v5.6 cuts the divisor of a 32-bit division to 32 bits behind its verifier's back: see README.md.
    const wide = (byReg && (op === BPF_DIV || op === BPF_MOD)) || random.chance(0.6);
    if (byReg) w.put((wide ? alu64Reg : alu32Reg)(op, dst, src));
    else w.put((wide ? alu64Imm : alu32Imm)(op, dst, operand(w, op, wide)));
  }
  if (w.kind(dst).is === 'num') w.set(dst, NUM);
}

function operand(w: Writer, op: number, wide: boolean): number {
  if (SHIFTS.includes(op)) return w.random.below(wide ? 64 : 32);
  const imm = w.imm();
  return imm === 0 && (op === BPF_DIV || op === BPF_MOD) ? 3 : imm;
}

export function constant(w: Writer): void {
  const { random } = w;
  const reg = w.target();
  const kind = random.below(4);
  if (kind === 0) w.put(ldImm64(reg, (BigInt(random.word()) << 32n) | BigInt(w.imm() >>> 0)));
  else w.put(kind === 1 ? mov32Imm(reg, w.imm()) : mov64Imm(reg, w.imm()));
  w.set(reg, NUM);
}

/** Makes a number known to be small, in one of the ways compilers do it. */
export function boundNumber(w: Writer): void {
  const { random } = w;
  const reg = w.number();
  if (random.chance(0.75)) {
    bounded(w, reg);
    return;
  }
  // A bound whose bits are not all ones, moved to where some are lost; and back, with the sign.
  const skip = w.label();
  w.put(
    jmpImm(BPF_JLE, reg, random.pick([2, 4, 5, 6, 9, 10, 12, 20, 0x101, 0x40000000]), skip),
    mov64Imm(reg, 1),
    skip,
  );
  const by = random.pick([32, 33, 34, 48, 55, 56, 58, 60, 61, 62, 63]);
  const wide = random.chance(0.7);
  w.put(wide ? alu64Imm(BPF_LSH, reg, by) : alu32Imm(BPF_LSH, reg, by & 31));
  const back = random.pick([BPF_RSH, BPF_ARSH, BPF_ARSH, 0]);
  if (back !== 0) w.put(wide ? alu64Imm(back, reg, by - random.below(2)) : alu32Imm(back, reg, by & 31));
  w.set(reg, NUM);
}

/** Bounds the number in a register; answers its greatest value. */
export function bounded(w: Writer, reg: number): number {
  const { random } = w;
  const max = random.pick([1, 3, 7, 7, 15, 15, 31]);
  const done = w.label();
  switch (random.below(7)) {
    case 0:
    case 1:
      w.put(alu64Imm(BPF_AND, reg, max));
      break;
    case 2:
      w.put(alu64Imm(BPF_RSH, reg, 64 - Math.log2(max + 1)));
      break;
    case 3:
      w.put(jmpImm(BPF_JLE, reg, max, done), mov64Imm(reg, random.below(max + 1)), done);
      break;
    case 4:
      w.put(alu64Imm(BPF_MOD, reg, max + 1), alu64Imm(BPF_AND, reg, max));
      break;
    case 5:
      w.put(alu32Imm(BPF_AND, reg, max));
      break;
    default: {
      const [out, in_] = [w.label(), w.label()];
      w.put(jmpImm(BPF_JSLT, reg, 0, out), jmpImm(BPF_JGT, reg, max, out), alu64Imm(BPF_ADD, reg, 0));
      w.put({ ...jmpImm(BPF_JLE, reg, max, in_) }, out, mov64Imm(reg, max), in_);
    }
  }
  if (random.chance(0.1)) w.put(alu64Imm(BPF_OR, reg, 0));
  w.set(reg, w.kind(reg).is === 'num' ? { is: 'num', max } : w.kind(reg));
  return max;
}

const LIMITS = [0, 1, 2, 3, 5, 7, 8, 10, 100, 255, 256, 1000, 0xffff, 0x10000, 0x7ffffffe, 0x7fffffff];

function limit(w: Writer): number {
  const { random } = w;
  const value = random.chance(0.5) ? random.pick(LIMITS) : random.between(0, 40);
  return random.chance(0.3) ? -value : value;
}

/** Two numbers from outside, in ranges that comparisons tell; computed with, and compared again. */
export function rangedArithmetic(w: Writer): void {
  const { random } = w;
  const done = w.label();
  const [a, b] = [3, 4];
  const compare = (reg: number): void => {
    const op = random.pick(JUMPS);
    const wide = random.chance(0.7);
    const byReg = random.chance(0.25);
    const [other, imm] = [random.pick([2, 5]), limit(w)];
    if (byReg) w.put(wide ? mov64Imm(other, imm) : mov32Imm(other, imm));
    const to = (label: string): ProgramItem => {
      if (!byReg) return (wide ? jmpImm : jmp32Imm)(op, reg, imm, label);
      // Of both orders.
      return random.chance(0.5)
        ? (wide ? jmpReg : jmp32Reg)(op, reg, other, label)
        : (wide ? jmpReg : jmp32Reg)(op, other, reg, label);
    };
    if (random.chance(0.5)) w.put(to(done));
    else {
      const on = w.label();
      w.put(to(on), ja(done), on);
    }
  };
  for (const reg of [a, b]) input(w, reg, random.pick([BPF_DW, BPF_DW, BPF_DW, BPF_W, BPF_H, BPF_B]));
  for (const reg of [a, b]) for (let times = random.below(3); times > 0; times--) compare(reg);
  for (let times = random.between(1, 3); times > 0; times--) {
    const op = random.pick(OPS);
    const [dst, src] = random.chance(0.7) ? [a, b] : [b, a];
    const wide = random.chance(0.65);
    const way = random.below(3);
    if (way === 0 && op !== BPF_DIV && op !== BPF_MOD) w.put((wide ? alu64Reg : alu32Reg)(op, dst, src));
    else if (way === 1 && !SHIFTS.includes(op)) {
      const imm = limit(w);
      w.put((wide ? alu64Imm : alu32Imm)(op, dst, imm === 0 && (op === BPF_DIV || op === BPF_MOD) ? 3 : imm));
    } else w.put((wide ? alu64Imm : alu32Imm)(op, dst, operand(w, op, wide)));
  }
  if (random.chance(0.5)) compare(random.pick([a, b]));
  if (random.chance(0.3)) w.put(mov64Reg(5, a), alu64Imm(BPF_ADD, 5, 1));
  else w.put(mov64Imm(5, 0));
  w.put(done);
  for (const reg of [a, b]) w.set(reg, NUM);
  for (const reg of [2, 5]) w.set(reg, NONE);
}
