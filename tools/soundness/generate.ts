// SPDX-License-Identifier: MIT
// Random programs: statements one after the other, most of them such that the verifier accepts what came so far.
import { exit, mov64Imm, mov64Reg, program, type Insn, type ProgramItem } from '../../packages/insn/src/index.ts';
import { FLAVOURS, type Flavour } from './flavours.ts';
import { nearMissFor } from './near-misses.ts';
import type { NetKernel } from './net-kernel.ts';
import { Random } from './random.ts';
import { Statements } from './statements.ts';
import { Writer } from './writer.ts';

export interface RandomProgram {
  readonly seed: number;
  readonly flavour: Flavour;
  readonly insns: readonly Insn[];
  /** What is wrong with it, where something is on purpose. */
  readonly nearMiss: string | undefined;
  /** To be loaded with strict alignment. */
  readonly strict: boolean;
}

export interface GenerateOptions {
  /** Program types to draw from. */
  readonly flavours?: readonly Flavour[];
  /** Of all programs: those with one thing that is wrong. */
  readonly nearMisses?: number;
}

/** Of all programs: those with one thing that is wrong. */
const WITH_A_MISTAKE = 0.45;

/** The program of a seed. */
export function randomProgram(
  seed: number,
  net: Pick<NetKernel, 'maps' | 'kernel'>,
  options: GenerateOptions = {},
): RandomProgram {
  const random = new Random(seed);
  const flavour = random.pick(options.flavours ?? FLAVOURS);
  // Many programs are meant to be valid; in others one thing is wrong, or some statements take what they like.
  const miss = random.chance(options.nearMisses ?? WITH_A_MISTAKE) ? nearMissFor(flavour, random) : undefined;
  const risk = miss !== undefined || random.chance(0.7) ? 0 : random.pick([0.004, 0.01, 0.03]);
  const functions = !(flavour.unprivileged === true) && random.chance(0.4) ? random.between(1, 2) : 0;
  const writer = new Writer(random, net, flavour, risk);
  const items: ProgramItem[] = [];
  writer.single = functions === 0 && miss?.functions === undefined;
  const statements = new Statements(writer, functions);
  writer.begin([{ is: 'none' }, { is: 'ctx' }]);
  writer.put(mov64Reg(6, 1));
  writer.set(6, { is: 'ctx' });
  if (miss === undefined) statements.several(random.between(8, 22));
  else {
    // Little around it: it must be reached, and the states at it remembered.
    statements.several(random.below(random.chance(0.5) ? 3 : 7));
    miss.write(writer);
    writer.forgetAll();
    items.push(...(miss.functions?.(random) ?? []));
    statements.several(random.below(3));
  }
  finish(writer, random);
  items.unshift(...writer.take());
  for (let i = 1; i <= functions; i++) {
    if (!statements.called.has(i)) continue;
    writer.begin([{ is: 'none' }, { is: 'ctx' }, { is: 'num' }]);
    items.push(`f${i}`);
    writer.put(mov64Reg(6, 1));
    writer.set(6, { is: 'ctx' });
    // What main calls may call what comes after it.
    statements.firstCallee = i + 1;
    statements.several(random.between(1, 7));
    finish(writer, random);
    items.push(...writer.take());
  }
  const strict = miss?.strict === true || (miss === undefined && random.chance(0.03));
  return { seed, flavour, insns: program(...items), nearMiss: miss?.name, strict };
}

function finish(writer: Writer, random: Random): void {
  const kept = writer.numbers();
  if (kept.length > 0 && random.chance(0.5)) {
    writer.store(random.pick(kept));
  }
  writer.put(mov64Imm(0, random.below(2)), exit());
}
