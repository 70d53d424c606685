// SPDX-License-Identifier: MIT
// Tests of counters, asked once for several turns of a loop. What is asked implies that every one of those tests keeps
// the loop going; that it does not hold says nothing.
import { usesSrcReg, type Insn } from '@tsbpf/insn';
import {
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JNE,
  BPF_JEQ,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
} from '@tsbpf/uapi';
import type { Check, Operand } from './check.ts';
import type { Sum, Test, Turn } from './induction.ts';

const NEGATED: Readonly<Record<number, number>> = {
  [BPF_JEQ]: BPF_JNE,
  [BPF_JNE]: BPF_JEQ,
  [BPF_JGT]: BPF_JLE,
  [BPF_JLE]: BPF_JGT,
  [BPF_JGE]: BPF_JLT,
  [BPF_JLT]: BPF_JGE,
  [BPF_JSGT]: BPF_JSLE,
  [BPF_JSLE]: BPF_JSGT,
  [BPF_JSGE]: BPF_JSLT,
  [BPF_JSLT]: BPF_JSGE,
};
const MIRRORED: Readonly<Record<number, number>> = {
  [BPF_JEQ]: BPF_JEQ,
  [BPF_JNE]: BPF_JNE,
  [BPF_JGT]: BPF_JLT,
  [BPF_JLT]: BPF_JGT,
  [BPF_JGE]: BPF_JLE,
  [BPF_JLE]: BPF_JGE,
  [BPF_JSGT]: BPF_JSLT,
  [BPF_JSLT]: BPF_JSGT,
  [BPF_JSGE]: BPF_JSLE,
  [BPF_JSLE]: BPF_JSGE,
};
const UNSIGNED: Readonly<Record<number, number>> = {
  [BPF_JSGT]: BPF_JGT,
  [BPF_JSGE]: BPF_JGE,
  [BPF_JSLT]: BPF_JLT,
  [BPF_JSLE]: BPF_JLE,
};

/** What a test became: checks of every several turns, and those before the first, with what has to be computed there. */
export interface Hoisted {
  readonly check: Check;
  readonly before: readonly Check[];
  readonly limit: Operand | undefined;
}

/** A counter against what does not change; the loop goes on while the relation holds. */
interface Counted {
  readonly wide: boolean;
  readonly relation: number;
  readonly counter: Sum;
  /** What a turn adds to the counter. */
  readonly step: number;
  /** A constant as it stands in the comparison, unsigned; or a register of before the loop, and what is added. */
  readonly bound: bigint | Sum;
  /** The bound is a register of 64 bits that has to be one of 32. */
  readonly boundFits: boolean;
}

/** The test as one of a counter, if it is one. `stays`: whether taking the jump keeps the loop going. */
function counted(insn: Insn, { dst, src }: Test, { end }: Turn, stays: boolean): Counted | undefined {
  const operation = insn.code & 0xf0;
  let relation = (stays ? operation : NEGATED[operation]) as number | undefined;
  if (relation === undefined || !(relation in MIRRORED)) return undefined;
  let wide = (insn.code & 7) === BPF_JMP;
  let counter = dst;
  let bound: bigint | Sum | undefined = usesSrcReg(insn) ? src : BigInt.asUintN(wide ? 64 : 32, BigInt(insn.imm));
  const stepOf = (sum: Sum): number | undefined => {
    const last = end[sum.root];
    return last?.root === sum.root ? last.add : undefined;
  };
  if (counter === undefined || bound === undefined) return undefined;
  if (typeof bound === 'object' && stepOf(counter) === 0) {
    [counter, bound] = [bound, counter];
    relation = MIRRORED[relation];
  }
  const step = stepOf(counter);
  if (step === undefined || step === 0) return undefined;
  if (typeof bound === 'object') {
    // Nothing but sums of all 64 bits leaves the register what it was.
    if (stepOf(bound) !== 0 || end[bound.root]?.narrow === true || (wide && bound.narrow)) return undefined;
  }
  const countsNarrow = end[counter.root]?.narrow === true;
  let boundFits = false;
  if (wide && (countsNarrow || counter.narrow)) {
    // The counter has a high word of zero: 32 bits tell, if the bound has one, too.
    if (!counter.narrow) return undefined;
    if (typeof bound === 'bigint' && bound > 0xffffffffn) return undefined;
    boundFits = typeof bound === 'object';
    relation = (UNSIGNED[relation] as number | undefined) ?? relation;
    wide = false;
  }
  return { wide, relation, counter, step, bound, boundFits };
}

/** Makes one check of `turns` times a test; undefined where that is impossible. */
export function hoist(insn: Insn, test: Test, turn: Turn, stays: boolean, turns: number): Hoisted | undefined {
  const found = counted(insn, test, turn, stays);
  if (found === undefined) return undefined;
  return found.relation === BPF_JNE ? distance(found, turns) : order(found, turns);
}

const sum = (reg: number, add: bigint, minus?: number): Operand => ({
  kind: 'sum',
  reg,
  add,
  ...(minus === undefined ? {} : { minus }),
});
const constant = (value: bigint): Operand => ({ kind: 'constant', value });

/** The bound has to have a high word of zero. */
function fits({ boundFits, bound }: Counted): Check[] {
  if (!boundFits || typeof bound !== 'object') return [];
  return [{ wide: true, relation: BPF_JLE, left: sum(bound.root, BigInt(bound.add)), right: constant(0xffffffffn) }];
}

/** The bound is further away than the counter goes. Exact, with all wrapping. */
function distance(found: Counted, turns: number): Hoisted {
  const { wide, counter, step, bound } = found;
  const span = BigInt(Math.abs(step) * (turns - 1));
  const at = BigInt(counter.add);
  // Where the low words differ, the whole does.
  const before: Check[] = [];
  if (typeof bound === 'bigint') {
    // Upwards it is the complement of bound - counter that is compared: one sum instead of two.
    const check: Check =
      step > 0
        ? { wide, relation: BPF_JLT, left: sum(counter.root, at - bound - 1n), right: constant(-1n - span) }
        : { wide, relation: BPF_JGT, left: sum(counter.root, at - bound), right: constant(span) };
    return { check, before, limit: undefined };
  }
  const other = BigInt(bound.add);
  const left = step > 0 ? sum(bound.root, other - at, counter.root) : sum(counter.root, at - other, bound.root);
  return { check: { wide, relation: BPF_JGT, left, right: constant(span) }, before, limit: undefined };
}

/** The counter is so far on this side of the bound that the last turn's is, too, without wrapping on the way. */
function order(found: Counted, turns: number): Hoisted | undefined {
  const { wide, relation, counter, step, bound } = found;
  const up = step > 0;
  const goesUp = relation === BPF_JLE || relation === BPF_JLT || relation === BPF_JSLE || relation === BPF_JSLT;
  if (relation === BPF_JEQ || up !== goesUp) return undefined;
  const signed = relation in UNSIGNED;
  const bits = wide ? 64n : 32n;
  const [min, max] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  // What is added on the way to the bound is taken from the bound; what is added the other way stays with the counter.
  const folds = up ? counter.add >= 0 : counter.add <= 0;
  const span = BigInt(Math.abs(step) * (turns - 1) + (folds ? Math.abs(counter.add) : 0));
  const left = sum(counter.root, folds ? 0n : BigInt(counter.add));
  if (typeof bound === 'bigint') {
    const value = signed ? BigInt.asIntN(Number(bits), bound) : bound;
    const limit = up ? value - span : value + span;
    if (limit < min || limit > max) return undefined;
    return { check: { wide, relation, left, right: constant(limit) }, before: [], limit: undefined };
  }
  const other = BigInt(bound.add);
  const inRange: Check = {
    wide,
    relation: up ? (signed ? BPF_JSGE : BPF_JGE) : signed ? BPF_JSLE : BPF_JLE,
    left: sum(bound.root, other),
    right: constant(up ? min + span : max - span),
  };
  return {
    check: { wide, relation, left, right: { kind: 'limit', id: -1 } },
    before: [inRange, ...fits(found)],
    limit: sum(bound.root, up ? other - span : other + span),
  };
}
