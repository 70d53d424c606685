// SPDX-License-Identifier: MIT
// Random programs: statements one after the other, most of them such that the verifier accepts what came so far.
import { exit, mov64Imm, mov64Reg, program, type Insn, type ProgramItem } from '../../packages/insn/src/index.ts';
import { FLAVOURS, type Flavour } from './flavours.ts';
import type { NetKernel } from './net-kernel.ts';
import { Random } from './random.ts';
import { Statements } from './statements.ts';
import { Writer } from './writer.ts';

export interface RandomProgram {
  readonly seed: number;
  readonly flavour: Flavour;
  readonly insns: readonly Insn[];
}

/** The program of a seed. */
export function randomProgram(seed: number, maps: NetKernel['maps']): RandomProgram {
  const random = new Random(seed);
  const flavour = random.pick(FLAVOURS);
  // Many programs are meant to be valid; in the others some statements take what they like.
  const risk = random.chance(0.55) ? 0 : random.pick([0.004, 0.01, 0.03]);
  const functions = random.chance(0.45) ? random.between(1, 2) : 0;
  const writer = new Writer(random, maps, flavour, risk);
  const items: ProgramItem[] = [];
  writer.single = functions === 0;
  const statements = new Statements(writer, functions);
  writer.begin([{ is: 'none' }, { is: 'ctx' }]);
  writer.put(mov64Reg(6, 1));
  writer.set(6, { is: 'ctx' });
  statements.several(random.between(6, 22));
  finish(writer, random);
  items.push(...writer.take());
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
  return { seed, flavour, insns: program(...items) };
}

function finish(writer: Writer, random: Random): void {
  const kept = writer.numbers();
  if (kept.length > 0 && random.chance(0.5)) {
    writer.store(random.pick(kept));
  }
  writer.put(mov64Imm(0, random.below(2)), exit());
}
