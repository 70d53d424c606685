// SPDX-License-Identifier: MIT
// The JIT puts turns of small loops together; they do what the interpreter does. TSBPF_RANDOM_PROGRAMS sets how many
// programs, TSBPF_SEED the first one's seed.
import { describe, expect, it } from 'vitest';
import { createInterpreter } from '@tsbpf/interpreter';
import { createJit } from '@tsbpf/jit';
import {
  alu64Imm,
  alu64Reg,
  callPseudo,
  exit,
  jmpImm,
  ldxMem,
  mov64Imm,
  mov64Reg,
  program,
  stMem,
  stxMem,
  type ProgramItem,
} from '@tsbpf/insn';
import { BPF_ADD, BPF_DW, BPF_JNE, BPF_MUL } from '@tsbpf/uapi';
import { countingLoop } from './counting-loop.ts';
import { RandomRunner } from './executor-pair.ts';
import { SCRATCH_BYTES } from './random-program.ts';
import { randomSource, type RandomSource } from './random-source.ts';

const COUNT = Number(process.env.TSBPF_RANDOM_PROGRAMS ?? 800);
const FIRST = Number(process.env.TSBPF_SEED ?? 1);
const ROUND = 1000;
const BUFFER = 9;

/** Loops one after the other, some in a loop around, some in a function; what registers are at the end shows. */
function programWithLoops(random: RandomSource): ProgramItem[] {
  const items: ProgramItem[] = [];
  let labels = 0;
  const label = (): string => `l${labels++}`;
  const scalars = [0, 1, 2, 3, 4, 5, 6, 7];
  const loop = (): ProgramItem[] =>
    countingLoop(random, { buffer: BUFFER, bufferBytes: SCRATCH_BYTES, label, scalars });
  const begin = (): void => {
    items.push(mov64Reg(BUFFER, 1));
    for (const reg of scalars) items.push(mov64Imm(reg, random(2 ** 32) | 0));
  };
  const result = (): void => {
    for (const reg of scalars.slice(1)) items.push(alu64Imm(BPF_MUL, 0, 31), alu64Reg(BPF_ADD, 0, reg));
  };
  const calls = random(3) === 0;
  begin();
  for (let i = 0; i < 2; i++) {
    if (random(3) > 0) {
      items.push(...loop());
      continue;
    }
    const around = label();
    items.push(stMem(BPF_DW, 10, -8, 1 + random(3)), around, ...loop(), ...(random(3) === 0 ? loop() : []));
    items.push(ldxMem(BPF_DW, 1, 10, -8), alu64Imm(BPF_ADD, 1, -1), stxMem(BPF_DW, 10, 1, -8));
    items.push(jmpImm(BPF_JNE, 1, 0, around));
  }
  if (calls) items.push(stxMem(BPF_DW, 10, 6, -16), mov64Reg(1, BUFFER), callPseudo('f'));
  if (calls) for (let reg = 1; reg <= 5; reg++) items.push(mov64Imm(reg, reg));
  result();
  items.push(exit());
  if (!calls) return items;
  items.push('f');
  begin();
  items.push(...loop());
  result();
  items.push(exit());
  return items;
}

describe('counting loops', () => {
  it(
    `${COUNT} programs with them give the same R0 and buffer on both engines`,
    () => {
      let pair: readonly RandomRunner[] = [];
      for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
        if ((seed - FIRST) % ROUND === 0) {
          pair = [
            new RandomRunner((kernel) => createInterpreter(kernel)),
            new RandomRunner((kernel) => createJit(kernel)),
          ];
        }
        const random = randomSource(Math.imul(seed, 0x9e3779b1));
        for (let i = 0; i < 3; i++) random(1);
        const items = programWithLoops(random);
        const insns = program(...items);
        const [expected, actual] = pair.map((runner) => runner.run({ items, calls: [], globals: [] }, insns, { seed }));
        expect(actual, `seed ${seed}`).toEqual(expected);
      }
    },
    COUNT * 50 + 300_000,
  );
});
