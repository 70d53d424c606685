// SPDX-License-Identifier: MIT
// What a turn of a loop does to registers that it only counts up or down, and the tests of those.
import { isLdImm64, usesSrcReg, type Insn } from '@tsbpf/insn';
import { BPF_ADD, BPF_ALU, BPF_ALU64, BPF_AND, BPF_MOV, BPF_OR, BPF_SUB, BPF_XOR } from '@tsbpf/uapi';
import { effect } from './arguments.ts';
import type { Block } from './graph.ts';
import type { PathLoop } from './loops.ts';

/** Registers, R10 and AX included. */
const REGS = 12;
/** Sums beyond are not followed. */
const MAX_ADD = 2 ** 24;

/** A register's value as what one had at the beginning of the turn, plus a constant. */
export interface Sum {
  readonly root: number;
  readonly add: number;
  /** The sum is one of 32 bits, and the high word zero. */
  readonly narrow: boolean;
}

/** A conditional jump of the loop, and what its operands are then. */
export interface Test {
  readonly block: number;
  readonly idx: number;
  readonly dst: Sum | undefined;
  /** Of a jump that compares registers. */
  readonly src: Sum | undefined;
}

export interface Turn {
  readonly tests: readonly Test[];
  /** By register, at the end of a turn. */
  readonly end: readonly (Sum | undefined)[];
}

/** The sum after an instruction, or undefined; `sums` are those before. */
function after(sums: readonly (Sum | undefined)[], insn: Insn): Sum | undefined {
  const cls = insn.code & 7;
  if ((cls !== BPF_ALU && cls !== BPF_ALU64) || insn.off !== 0) return undefined;
  const operation = insn.code & 0xf0;
  if (operation === BPF_MOV && usesSrcReg(insn)) {
    const from = sums[insn.src];
    return from === undefined || cls === BPF_ALU64 ? from : { ...from, narrow: true };
  }
  if ((operation !== BPF_ADD && operation !== BPF_SUB) || usesSrcReg(insn)) return undefined;
  const before = sums[insn.dst];
  if (before === undefined || (cls === BPF_ALU64 && before.narrow)) return undefined;
  const add = before.add + (operation === BPF_ADD ? insn.imm : -insn.imm);
  return Math.abs(add) > MAX_ADD ? undefined : { root: before.root, add, narrow: cls === BPF_ALU };
}

/** Follows one turn of a loop. */
export function followTurn(insns: readonly Insn[], blocks: readonly Block[], loop: PathLoop): Turn {
  const sums: (Sum | undefined)[] = Array.from({ length: REGS }, (_, root) => ({ root, add: 0, narrow: false }));
  const tests: Test[] = [];
  for (const number of loop) {
    const { start, end, term } = blocks[number];
    for (let idx = start; idx < end; idx++) {
      const insn = insns[idx];
      const { defs } = effect(insn, idx, () => 0);
      const sum = after(sums, insn);
      for (let reg = 0; reg < REGS; reg++) if ((defs & (1 << reg)) !== 0) sums[reg] = undefined;
      if (sum !== undefined) sums[insn.dst] = sum;
      if (isLdImm64(insn)) idx++;
    }
    if (term.kind !== 'cond') continue;
    const { dst, src } = insns[term.idx];
    const compares = usesSrcReg(insns[term.idx]);
    tests.push({ block: number, idx: term.idx, dst: sums[dst], src: compares ? sums[src] : undefined });
  }
  return { tests, end: sums };
}

/** Operations that may be done in any order. */
const ASSOCIATIVE: readonly number[] = [BPF_ADD, BPF_AND, BPF_OR, BPF_XOR];

/**
 * Registers, as bits, that a loop gathers something in: all it does with them is one operation, whose order does not
 * matter, with other registers. So that turns need not wait for each other's.
 */
export function gathered(insns: readonly Insn[], blocks: readonly Block[], loop: PathLoop): number {
  const kinds = new Map<number, number>();
  let others = 0;
  for (const number of loop) {
    const { start, end, term } = blocks[number];
    const see = (idx: number): void => {
      const insn = insns[idx];
      const { uses, defs } = effect(insn, idx, () => 0);
      const cls = insn.code & 7;
      let found = 0;
      if ((cls === BPF_ALU || cls === BPF_ALU64) && usesSrcReg(insn) && insn.src !== insn.dst && insn.off === 0) {
        const kind = kinds.get(insn.dst) ?? insn.code;
        if (ASSOCIATIVE.includes(insn.code & 0xf0) && kind === insn.code) found = 1 << insn.dst;
        kinds.set(insn.dst, kind);
      }
      others |= (uses | defs) & ~found;
    };
    for (let idx = start; idx < end; idx++) {
      see(idx);
      if (isLdImm64(insns[idx])) idx++;
    }
    if (term.kind === 'cond') see(term.idx);
  }
  let bits = 0;
  for (const reg of kinds.keys()) bits |= (1 << reg) & ~others;
  return bits;
}
