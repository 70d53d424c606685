// SPDX-License-Identifier: MIT
// Sockets of simulated tasks and streams without tasks do the same in socket maps, by the rules of v5.6, on both engines.
import { describe, expect, it } from 'vitest';
import { createPrng } from '@tsbpf/capture';
import { ENGINES } from '../../packages/net/test/real-kernel.ts';
import { play, randomScenario, simulatedWorld, taskWorld } from './sockmap.ts';

const SCENARIOS = 20;

describe.each(ENGINES)('on the %s', (engine) => {
  it(`sockets of tasks behave as streams do (${SCENARIOS} random scenarios)`, () => {
    let busy = 0;
    for (let seed = 0; seed < SCENARIOS; seed++) {
      const scenario = randomScenario(createPrng(seed));
      const streams = play(simulatedWorld('5.6'), scenario);
      if (streams.some(({ arrived }) => arrived.some((bytes) => bytes !== ''))) busy++;
      expect({ seed, steps: play(taskWorld('5.6', engine), scenario) }).toEqual({ seed, steps: streams });
    }
    expect(busy).toBeGreaterThan(SCENARIOS / 2);
  });
});
