// SPDX-License-Identifier: MIT
// Which of R1 to R5 a function may read before it writes them: what callers have to pass.
import { isLdImm64, subprogTarget, usesSrcReg, type Insn } from '@tsbpf/insn';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_END,
  BPF_FETCH,
  BPF_IND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MOV,
  BPF_NEG,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
} from '@tsbpf/uapi';
import type { FlowOrder } from './dominators.ts';
import { successors, type FlowGraph } from './graph.ts';

const ARGS = 0b111110;

/** Registers, as bits, that an instruction reads and writes. Of calls: `argsOf` says what the callee reads. */
export function effect(insn: Insn, idx: number, argsOf: (start: number) => number): { uses: number; defs: number } {
  const [dst, src] = [1 << insn.dst, 1 << insn.src];
  const op = insn.code & 0xf0;
  switch (insn.code & 7) {
    case BPF_ALU:
    case BPF_ALU64: {
      const other = op !== BPF_END && op !== BPF_NEG && usesSrcReg(insn) ? src : 0;
      return { uses: op === BPF_MOV ? other : other | dst, defs: dst };
    }
    case BPF_JMP:
    case BPF_JMP32: {
      if (op === BPF_CALL) {
        const to = subprogTarget(insn, idx);
        return { uses: to === undefined ? ARGS : argsOf(to), defs: ARGS | 1 };
      }
      if (op === 0xf0) return { uses: ARGS, defs: 0 };
      return { uses: dst | (usesSrcReg(insn) ? src : 0), defs: 0 };
    }
    case BPF_LD:
      if (isLdImm64(insn)) return { uses: 0, defs: dst };
      return { uses: (1 << 6) | ((insn.code & 0xe0) === BPF_IND ? src : 0), defs: 1 };
    case BPF_LDX:
      return { uses: src, defs: dst };
    case BPF_ST:
      return { uses: dst, defs: 0 };
    case BPF_STX: {
      if ((insn.code & 0xe0) !== BPF_ATOMIC || insn.imm === BPF_STORE_REL) return { uses: dst | src, defs: 0 };
      if (insn.imm === BPF_LOAD_ACQ) return { uses: src, defs: dst };
      if (insn.imm === BPF_CMPXCHG) return { uses: dst | src | 1, defs: 1 };
      return { uses: dst | src, defs: (insn.imm & BPF_FETCH) !== 0 ? src : 0 };
    }
  }
  return { uses: ARGS, defs: 0 };
}

/**
 * R1 to R5 that the function reads, as bits 1 to 5. `argsOf` answers for its callees: more than they read does no
 * harm.
 */
export function argumentsRead(
  insns: readonly Insn[],
  graph: FlowGraph,
  { order }: FlowOrder,
  argsOf: (start: number) => number,
): number {
  const { blocks } = graph;
  const uses = new Int32Array(blocks.length);
  const defs = new Int32Array(blocks.length);
  blocks.forEach((block, number) => {
    const see = (idx: number): void => {
      const insn = insns[idx];
      const found = effect(insn, idx, argsOf);
      uses[number] |= found.uses & ~defs[number];
      defs[number] |= found.defs;
    };
    for (let idx = block.start; idx < block.end; idx++) {
      see(idx);
      if (isLdImm64(insns[idx])) idx++;
    }
    if (block.term.kind === 'cond') see(block.term.idx);
  });
  const live = new Int32Array(blocks.length);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = order.length - 1; i >= 0; i--) {
      const number = order[i];
      let out = 0;
      for (const to of successors(blocks[number])) out |= live[to];
      const now = uses[number] | (out & ~defs[number]);
      if (now === live[number]) continue;
      live[number] = now;
      changed = true;
    }
  }
  return live[0] & ARGS;
}
