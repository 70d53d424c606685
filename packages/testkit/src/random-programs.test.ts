// SPDX-License-Identifier: MIT
// The JIT does what the interpreter does. TSBPF_RANDOM_PROGRAMS sets how many programs, TSBPF_SEED the first one's seed.
import { describe, expect, it } from 'vitest';
import { createInterpreter } from '@tsbpf/interpreter';
import { createJit } from '@tsbpf/jit';
import { programOfSeed, RandomRunner } from './executor-pair.ts';

const COUNT = Number(process.env.TSBPF_RANDOM_PROGRAMS ?? 600);
const FIRST = Number(process.env.TSBPF_SEED ?? 1);
/** Programs after which kernels are made anew. */
const ROUND = 1000;

describe('random programs', () => {
  it(
    `${COUNT} of them give the same R0, buffer, maps and helper calls on both engines`,
    () => {
      let pair: readonly RandomRunner[] = [];
      for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
        if ((seed - FIRST) % ROUND === 0) {
          pair = [
            new RandomRunner((kernel) => createInterpreter(kernel)),
            new RandomRunner((kernel) => createJit(kernel, { fallback: createInterpreter(kernel) })),
          ];
        }
        const { random, insns } = programOfSeed(seed);
        const watch = seed % 16 === 0;
        const [expected, actual] = pair.map((runner) => runner.run(random, insns, { seed, watch }));
        expect(actual, `seed ${seed}`).toEqual(expected);
      }
    },
    COUNT * 50 + 60_000,
  );
});
