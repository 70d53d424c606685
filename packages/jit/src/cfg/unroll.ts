// SPDX-License-Identifier: MIT
// Puts several turns of small loops together. Tests of counters are asked once for all those turns, by a guard before
// them; the other tests stay. Where the guard does not hold, the loop goes on as it was.
import type { Insn } from '@tsbpf/insn';
import { BPF_CALL, BPF_JMP, BPF_LD } from '@tsbpf/uapi';
import type { Check, Limit } from './check.ts';
import type { FlowOrder } from './dominators.ts';
import type { Block, FlowGraph } from './graph.ts';
import { hoist, type Hoisted } from './hoist.ts';
import { followTurn, gathered } from './induction.ts';
import { pathLoops, type PathLoop } from './loops.ts';

/** Instructions of the turns that are put together, at most, and turns. */
const UNROLLED_INSNS = 64;
const TURNS = [8, 4];
const MAX_BLOCKS = 12;
/** Instructions that all loops of a function may add to it; to one of more than so many none. */
const ADDED_INSNS = 4096;
const LARGE_INSNS = 65536;

interface Plan {
  readonly loop: PathLoop;
  readonly turns: number;
  /** By block. */
  readonly hoisted: ReadonlyMap<number, Hoisted>;
  readonly gathers: number;
}

function insnsOf(blocks: readonly Block[], loop: PathLoop): number {
  return loop.reduce((sum, number) => {
    const { start, end, term } = blocks[number];
    return sum + end - start + (term.kind === 'cond' ? 1 : 0);
  }, 0);
}

/** Whether nothing but registers and memory is touched. */
function isPlain(insns: readonly Insn[], blocks: readonly Block[], loop: PathLoop): boolean {
  return loop.every((number) => {
    for (let idx = blocks[number].start; idx < blocks[number].end; idx++) {
      const { code } = insns[idx];
      // The second half of a constant of 64 bits has the code 0, as BPF_LD.
      if (code === (BPF_JMP | BPF_CALL) || code === (BPF_JMP | 0xf0)) return false;
      if ((code & 7) === BPF_LD && (code & 0xe0) !== 0) return false;
    }
    return true;
  });
}

function planOf(insns: readonly Insn[], blocks: readonly Block[], loop: PathLoop): Plan | undefined {
  const count = insnsOf(blocks, loop);
  if (!isPlain(insns, blocks, loop)) return undefined;
  const turn = followTurn(insns, blocks, loop);
  for (const turns of TURNS) {
    if (turns * count > UNROLLED_INSNS) continue;
    const hoisted = new Map<number, Hoisted>();
    let isFar = true;
    for (const test of turn.tests) {
      const { term } = blocks[test.block];
      if (term.kind !== 'cond') continue;
      const stays = loop.includes(term.taken);
      const found = hoist(insns[test.idx], test, turn, stays, turns);
      if (found !== undefined) hoisted.set(test.block, found);
      // A constant bound may be too near for so many turns.
      else if (hoist(insns[test.idx], test, turn, stays, 1) !== undefined) isFar = false;
    }
    if (hoisted.size > 0 && isFar) return { loop, turns, hoisted, gathers: gathered(insns, blocks, loop) };
  }
  return undefined;
}

/** The graph with small loops unrolled; the same one where there are none. */
export function unrolled(insns: readonly Insn[], graph: FlowGraph, order: FlowOrder): FlowGraph {
  if (graph.insnCount > LARGE_INSNS) return graph;
  const plans: Plan[] = [];
  let added = 0;
  for (const loop of pathLoops(graph.blocks, order, MAX_BLOCKS)) {
    const plan = planOf(insns, graph.blocks, loop);
    if (plan === undefined) continue;
    added += plan.turns * insnsOf(graph.blocks, loop);
    if (added > ADDED_INSNS) break;
    plans.push(plan);
  }
  if (plans.length === 0) return graph;
  const blocks = [...graph.blocks];
  /** The header of the loop that a block belongs to, as it was or unrolled. */
  const belongs: (number | undefined)[] = [];
  const entries = new Map<number, number>();
  let limits = 0;
  for (const plan of plans) {
    const first = blocks.length;
    entries.set(
      plan.loop[0],
      appendTurns(blocks, plan, () => limits++),
    );
    for (const number of plan.loop) belongs[number] = plan.loop[0];
    for (let number = first; number < blocks.length; number++) belongs[number] = plan.loop[0];
  }
  const entered = blocks.map((block, number) =>
    retarget(block, (to) => {
      const entry = entries.get(to);
      return entry === undefined || belongs[number] === to ? to : entry;
    }),
  );
  return { ...graph, blocks: entered };
}

function retarget(block: Block, map: (to: number) => number): Block {
  const { term } = block;
  switch (term.kind) {
    case 'exit':
      return block;
    case 'goto':
      return { ...block, term: { kind: 'goto', to: map(term.to) } };
    case 'cond':
    case 'guard':
      return { ...block, term: { ...term, taken: map(term.taken), next: map(term.next) } };
  }
}

/** Appends the turns of a loop and what stands before them, and answers where to enter. */
function appendTurns(blocks: Block[], { loop, turns, hoisted, gathers }: Plan, nextLimit: () => number): number {
  const header = loop[0];
  const start = blocks[header].start;
  const limits: Limit[] = [];
  const before: Check[] = [];
  const checks: Check[] = [];
  for (const found of hoisted.values()) {
    let { check } = found;
    if (found.limit !== undefined) {
      const id = nextLimit();
      limits.push({ id, wide: check.wide, of: found.limit });
      check = { ...check, right: { kind: 'limit', id } };
    }
    before.push(...found.before);
    checks.push(check);
  }
  const guarded = (checks: readonly Check[], limits: readonly Limit[], taken: number): Block => ({
    start,
    end: start,
    term: { kind: 'guard', limits, checks, taken, next: header },
    unrolled: true,
  });
  // Each check is a jump of its own.
  const guard = blocks.length;
  const copies = guard + checks.length;
  const numberOf = (turn: number, member: number): number => copies + turn * loop.length + loop.indexOf(member);
  checks.forEach((check, i) => {
    const holds = i + 1 === checks.length ? numberOf(0, header) : guard + i + 1;
    blocks.push(guarded([check], [], holds));
  });
  for (let turn = 0; turn < turns; turn++) {
    const map = (to: number): number => {
      if (to === header) return turn + 1 === turns ? guard : numberOf(turn + 1, header);
      return loop.includes(to) ? numberOf(turn, to) : to;
    };
    for (const member of loop) {
      const copy = { ...blocks[member], unrolled: true, gathers };
      const { term } = copy;
      const goesOn = hoisted.has(member) && term.kind === 'cond';
      const stays = goesOn && loop.includes(term.taken) ? term.taken : goesOn ? term.next : undefined;
      blocks.push(retarget(stays === undefined ? copy : { ...copy, term: { kind: 'goto', to: stays } }, map));
    }
  }
  if (limits.length === 0 && before.length === 0) return guard;
  blocks.push(guarded(before, limits, guard));
  return blocks.length - 1;
}
