// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { fixtureObjects, loadsOf, mutant, tryMutant } from './mutate.ts';
import { createNetKernel } from './net-kernel.ts';
import { listing, throughTheNet } from './net.ts';
import { randomProgram } from './generate.ts';
import { hunt } from './plant.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { Random } from './random.ts';

describe('the soundness net', () => {
  it('accepts many long programs, and no run leaves the states of the verifier', () => {
    const net = createNetKernel();
    const sizes: number[] = [];
    const count = 100;
    let compared = 0;
    for (let seed = 1; seed <= count; seed++) {
      const prog = randomProgram(seed, net);
      const outcome = throughTheNet(net, prog, { runs: 2 });
      expect(outcome.violation, listing(prog)).toBeUndefined();
      compared += outcome.compared;
      if (outcome.accepted) sizes.push(prog.insns.length);
    }
    expect(sizes.length).toBeGreaterThan(count * 0.3);
    expect(sizes.sort((a, b) => a - b)[sizes.length >> 1]).toBeGreaterThanOrEqual(40);
    expect(compared).toBeGreaterThan(5000);
  });

  it('makes the same program of a seed', () => {
    const net = createNetKernel();
    expect(randomProgram(7, net)).toEqual(randomProgram(7, net));
  });

  it.each(['OR: its maximum', 'a lookup never fails', 'pruning: numbers'])('finds a planted bug: %s', async (name) => {
    const bug = PLANTED_BUGS.find((known) => known.name.startsWith(name));
    expect(bug).toBeDefined();
    if (bug === undefined) return;
    expect(await hunt(bug, { seed: 1, seconds: 40 })).toMatchObject({ foundBy: expect.any(Number) as number });
  });

  it('gives verdicts on mutants of real programs', () => {
    const random = new Random(3);
    let tried = 0;
    for (const path of fixtureObjects().slice(0, 6)) {
      const net = createNetKernel();
      for (const load of loadsOf(net, path)) {
        for (let i = 0; i < 5; i++) {
          expect(tryMutant(net, mutant(load, random), random).problem).toBeUndefined();
          tried++;
        }
      }
    }
    expect(tried).toBeGreaterThan(20);
  });
});
