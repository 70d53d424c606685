// SPDX-License-Identifier: MIT
// What a turn of a loop does to registers that it only counts up or down, and the tests of those.
import { isLdImm64, usesSrcReg, type Insn } from '@tsbpf/insn';
import { BPF_ADD, BPF_ALU, BPF_ALU64, BPF_MOV, BPF_SUB } from '@tsbpf/uapi';
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
