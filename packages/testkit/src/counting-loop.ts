// SPDX-License-Identifier: MIT
// Random loops as compilers make them: registers that count up or down, pointers that go along, ways out in the middle.
// All end, whatever their counters do, and stay within the buffer.
import {
  BPF_ADD,
  BPF_AND,
  BPF_B,
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
  BPF_MUL,
  BPF_SUB,
  BPF_W,
  BPF_XOR,
} from '@tsbpf/uapi';
import {
  alu32Imm,
  alu32Reg,
  alu64Imm,
  alu64Reg,
  jmp32Imm,
  jmp32Reg,
  jmpImm,
  jmpReg,
  ldImm64,
  ldxMem,
  mov32Imm,
  mov32Reg,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
  type ProgramItem,
} from '@tsbpf/insn';
import type { RandomSource } from './random-source.ts';

const RELATIONS = [
  ...[BPF_JNE, BPF_JNE, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE],
  ...[BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET],
];
/** Numbers at which comparisons change their minds. */
const EDGES = [
  ...[0n, 1n, 7n, 100n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n],
  ...[0x7fffffffffffffffn, 0x8000000000000000n, -0x80000000n, -1n, -0x80000001n],
];
const STEPS = [1, 1, 1, 2, 3, 4, 8, 16, -1, -1, -2, -4, -8, 1000, -1000, 0];
const SIZES = [BPF_B, BPF_H, BPF_W, BPF_DW] as const;
const MAX_TURNS = 40;

export interface CountingLoopOptions {
  /** Points to `bufferBytes` bytes; kept. */
  readonly buffer: number;
  readonly bufferBytes: number;
  /** Makes a label nobody else has. */
  label(): string;
  /** Of these registers, eight of them, the loop may change all. None is a pointer afterwards. */
  readonly scalars: readonly number[];
}

/** A random loop. */
export function countingLoop(random: RandomSource, options: CountingLoopOptions): ProgramItem[] {
  const pick = <T>(from: readonly T[]): T => from[random(from.length)];
  const chance = (one: number): boolean => random(one) === 0;
  const regs = [...options.scalars];
  const take = (): number => regs.splice(random(regs.length), 1)[0];
  const [fuse, pointer, counter, other, bound, copy, value, end] = Array.from({ length: 8 }, take);
  const items: ProgramItem[] = [];
  const put = (...more: readonly ProgramItem[]): void => void items.push(...more);
  const small = (value: bigint): number | undefined => {
    const number = Number(BigInt.asIntN(64, value));
    return number === (number | 0) ? number : undefined;
  };

  // Where the pointer begins, and how many turns stay in the buffer.
  const [size, stride] = [pick(SIZES), pick([1, 2, 4, 8, -1, -2, -8, 0])];
  const room = options.bufferBytes - 16;
  const turns = Math.min(1 + random(MAX_TURNS), stride === 0 ? MAX_TURNS : Math.floor(room / Math.abs(stride)) - 1);
  const off = random(64) - 32;
  const start = (stride < 0 ? room : 0) - off;
  put(mov64Reg(pointer, options.buffer), alu64Imm(BPF_ADD, pointer, start), mov64Reg(copy, pointer));
  put(mov64Reg(end, options.buffer), alu64Imm(BPF_ADD, end, start + stride * random(turns + 3) + random(3) - 1));

  const edge = pick(EDGES);
  const [step, otherStep] = [pick(STEPS), pick(STEPS)];
  const near = (by: number): bigint => BigInt.asUintN(64, edge - BigInt(by * random(20)) + BigInt(random(3) - 1));
  put(ldImm64(bound, BigInt.asUintN(64, edge)), ldImm64(counter, near(step)), ldImm64(other, near(otherStep)));
  put(chance(2) ? mov32Imm(value, random(2 ** 32) | 0) : mov64Imm(value, random(2 ** 32) | 0));
  const fuseUp = chance(2);
  put(mov64Imm(fuse, fuseUp ? 0 : turns));

  /** Whether turns begin with the question whether the loop ends; otherwise none may be cut short. */
  const endsFirst = chance(2);
  const [again, out, elsewhere] = [options.label(), options.label(), options.label()];
  /** A way out, or rarely to the next turn, over a comparison of something that counts. */
  const test = (): ProgramItem => {
    const to = endsFirst && chance(8) ? again : chance(3) ? elsewhere : out;
    const [relation, wide] = [pick(RELATIONS), random(3) > 0];
    if (relation !== BPF_JSET && chance(4))
      return jmpReg(
        relation,
        ...pick([
          [pointer, end],
          [end, copy],
        ] as const),
        to,
      );
    const left = pick([counter, counter, other, value]);
    const imm = small(edge);
    if (imm !== undefined && chance(2)) return (wide ? jmpImm : jmp32Imm)(relation, left, imm, to);
    const right = chance(5) ? other : bound;
    return (wide ? jmpReg : jmp32Reg)(
      relation,
      ...(chance(3) ? ([right, left] as const) : ([left, right] as const)),
      to,
    );
  };
  const add = (reg: number, by: number): ProgramItem => {
    const wide = random(3) > 0;
    if (chance(3)) return (wide ? alu64Imm : alu32Imm)(BPF_SUB, reg, -by);
    return (wide ? alu64Imm : alu32Imm)(BPF_ADD, reg, by);
  };
  /** Something a turn does; what is there may be written anywhere in it. */
  const work = (): ProgramItem => {
    switch (random(9)) {
      case 0:
        return alu64Reg(BPF_ADD, value, pick([counter, other, value]));
      case 1:
        return (chance(2) ? alu32Reg : alu64Reg)(pick([BPF_XOR, BPF_MUL, BPF_SUB]), value, counter);
      case 2:
        return chance(2) ? mov64Reg(other, counter) : mov32Reg(other, counter);
      case 3:
        return stMem(size, pointer, off, random(2 ** 31));
      case 4:
        return stxMem(size, pointer, pick([value, counter, other]), off);
      case 5:
        return ldxMem(size, chance(8) ? other : value, pointer, off);
      case 6:
        return alu64Imm(BPF_AND, value, 0xffff);
      case 7:
        return ldImm64(value, BigInt.asUintN(64, edge));
      default:
        return add(chance(2) ? counter : other, pick([step, otherStep, 1]));
    }
  };
  const turn: ProgramItem[] = [];
  const scatter = (item: ProgramItem): void => void turn.splice(random(turn.length + 1), 0, item);
  const works = random(5);
  for (let i = 0; i < works; i++) scatter(work());
  scatter(add(counter, step));
  if (chance(2)) scatter(add(other, otherStep));
  if (chance(3)) scatter(mov64Reg(copy, pointer));
  const tests = random(3);
  for (let i = 0; i < tests; i++) scatter(test());
  // Every turn goes by the fuse, whichever way it takes.
  const burn = chance(2) ? alu64Imm(BPF_ADD, fuse, fuseUp ? 1 : -1) : alu32Imm(BPF_ADD, fuse, fuseUp ? 1 : -1);
  const last = fuseUp ? turns : 0;
  const fuseWide = chance(2);
  const ends = (relation: number, to: string): ProgramItem => (fuseWide ? jmpImm : jmp32Imm)(relation, fuse, last, to);
  const move = alu64Imm(BPF_ADD, pointer, stride);
  put(again, burn);
  if (endsFirst) put(ends(fuseUp ? pick([BPF_JGE, BPF_JSGE, BPF_JEQ]) : pick([BPF_JEQ, BPF_JSLE]), out), ...turn, move);
  else put(move, ...turn);
  const closes = fuseUp ? pick([BPF_JNE, BPF_JLT, BPF_JSLT]) : pick([BPF_JNE, BPF_JSGT, BPF_JGT]);
  put(ends(closes, again));
  put(out, alu64Imm(BPF_XOR, value, 5), elsewhere);
  // No addresses are left.
  for (const reg of [pointer, copy, end]) put(mov64Reg(reg, reg === end ? counter : fuse));
  return items;
}
