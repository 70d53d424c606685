// SPDX-License-Identifier: MIT
// Functions of a program as graphs of basic blocks.
import { isLdImm64, jumpTarget, subprogTarget, type Insn } from '@tsbpf/insn';
import { BPF_EXIT, BPF_JA, BPF_JCOND, BPF_JMP, BPF_JMP32, EINVAL, UsageError } from '@tsbpf/uapi';
import type { Check, Limit } from './check.ts';

/** How a block ends. Targets are block numbers. */
export type Terminator =
  | { readonly kind: 'exit' }
  | { readonly kind: 'goto'; readonly to: number }
  /** A conditional jump, or may_goto, at instruction `idx`. */
  | { readonly kind: 'cond'; readonly idx: number; readonly taken: number; readonly next: number }
  | Guard;

/** Stands before turns of a loop that were put together: makes its limits; taken if all the checks hold. */
export interface Guard {
  readonly kind: 'guard';
  readonly limits: readonly Limit[];
  readonly checks: readonly Check[];
  readonly taken: number;
  readonly next: number;
}

/** Instructions `start` to `end - 1`, without the one that ends the block. */
export interface Block {
  readonly start: number;
  readonly end: number;
  readonly term: Terminator;
  /** Part of a loop of which several turns were put together, or the guard before them. */
  readonly unrolled?: boolean;
  /** Of such turns: bits of the registers that they only gather something in. @see gathered */
  readonly gathers?: number;
}

/** A function: its blocks, the entry first, and all that can be reached. */
export interface FlowGraph {
  readonly start: number;
  readonly blocks: readonly Block[];
  /** Instructions reached. */
  readonly insnCount: number;
  /** Functions of the program it calls, by first instruction; one for each call. */
  readonly callees: readonly number[];
}

const EXIT = BPF_JMP | BPF_EXIT;

function isJumpClass(insn: Insn): boolean {
  const cls = insn.code & 7;
  return cls === BPF_JMP || cls === BPF_JMP32;
}

/** Where the jump at `idx` leads; undefined for what is no jump. */
function target(insns: readonly Insn[], idx: number): number | undefined {
  const insn = insns[idx];
  if (!isJumpClass(insn)) return undefined;
  const op = insn.code & 0xf0;
  if (op === 0xf0 || (op === BPF_JCOND && (insn.code & 7) === BPF_JMP32)) return undefined;
  return jumpTarget(insn, idx);
}

/** Whether the jump goes on to the next instruction never. */
function isUnconditional(insn: Insn): boolean {
  return (insn.code & 0xf0) === BPF_JA;
}

/**
 * The graph of the function at `start`. Behind the last instruction a function ends, as after an exit.
 * @errno EINVAL (UsageError) a jump out of the program
 */
export function flowGraph(insns: readonly Insn[], start: number): FlowGraph {
  const count = insns.length;
  const seen = new Uint8Array(count + 1);
  const leader = new Uint8Array(count + 1);
  const callees: number[] = [];
  const work = [start];
  let insnCount = 0;
  leader[start] = 1;
  const lead = (to: number, from: number): void => {
    if (to < 0 || to > count) {
      throw new UsageError(`instruction ${from} jumps to ${to}, out of the program`, { errno: EINVAL });
    }
    leader[to] = 1;
    if (seen[to] === 0) work.push(to);
  };
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    while (seen[at] === 0) {
      seen[at] = 1;
      if (at === count) break;
      insnCount++;
      const insn = insns[at];
      if (insn.code === EXIT) break;
      const to = target(insns, at);
      if (to !== undefined) {
        lead(to, at);
        if (isUnconditional(insn)) break;
        lead(at + 1, at);
        break;
      }
      const callee = isJumpClass(insn) ? subprogTarget(insn, at) : undefined;
      if (callee !== undefined) callees.push(callee);
      at = Math.min(count, at + (isLdImm64(insn) ? 2 : 1));
    }
  }
  return { start, blocks: cutBlocks(insns, start, seen, leader), insnCount, callees };
}

function cutBlocks(insns: readonly Insn[], start: number, seen: Uint8Array, leader: Uint8Array): Block[] {
  const count = insns.length;
  const starts = [start];
  for (let at = 0; at <= count; at++) if (at !== start && seen[at] === 1 && leader[at] === 1) starts.push(at);
  const blockAt = new Int32Array(count + 1).fill(-1);
  starts.forEach((at, number) => (blockAt[at] = number));
  return starts.map((first) => {
    let at = first;
    for (;;) {
      if (at >= count || insns[at].code === EXIT) return { start: first, end: at, term: { kind: 'exit' } };
      const insn = insns[at];
      const to = target(insns, at);
      if (to !== undefined) {
        const taken = blockAt[to];
        const next = isUnconditional(insn) ? taken : blockAt[at + 1];
        if (taken === next) return { start: first, end: at, term: { kind: 'goto', to: taken } };
        return { start: first, end: at, term: { kind: 'cond', idx: at, taken, next } };
      }
      at = Math.min(count, at + (isLdImm64(insn) ? 2 : 1));
      if (leader[at] === 1) return { start: first, end: at, term: { kind: 'goto', to: blockAt[at] } };
    }
  });
}

/** Successors of a block: of two the taken one first. */
export function successors(block: Block): readonly number[] {
  const { term } = block;
  if (term.kind === 'exit') return [];
  return term.kind === 'goto' ? [term.to] : [term.taken, term.next];
}
