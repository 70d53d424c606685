// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Coverage } from './coverage.ts';
import { fixtureObjects, loadsOf, mutant, tryMutant } from './mutate.ts';
import { createNetKernel } from './net-kernel.ts';
import { listing, throughTheNet } from './net.ts';
import { randomProgram } from './generate.ts';
import { hunt } from './plant.ts';
import { NEAR_MISSES } from './near-misses.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';
import { MORE_PLANTED_BUGS } from './planted-bugs-more.ts';
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

  it('has every register type and argument class', () => {
    const net = createNetKernel();
    const coverage = new Coverage();
    for (let seed = 5000; seed < 5400; seed++) throughTheNet(net, randomProgram(seed, net), { runs: 1, coverage });
    expect(coverage.below(1)).toEqual([]);
  });

  it('writes programs with one mistake, of every kind', () => {
    const net = createNetKernel();
    const seen = new Set<string>();
    for (let seed = 1; seed <= 4000; seed++) {
      const { nearMiss } = randomProgram(seed, net, { nearMisses: 1 });
      if (nearMiss !== undefined) seen.add(nearMiss);
    }
    expect(NEAR_MISSES.map(({ name }) => name).filter((name) => !seen.has(name))).toEqual([]);
  });

  it('makes the same program of a seed', () => {
    const net = createNetKernel();
    expect(randomProgram(7, net)).toEqual(randomProgram(7, net));
  });

  it('plants bugs where the verifier has the text they replace, once', () => {
    const count = ({ file, from }: PlantedBug): number =>
      readFileSync(new URL(`../../packages/verifier/src/${file}`, import.meta.url), 'utf8').split(from).length - 1;
    const all = [...PLANTED_BUGS, ...MORE_PLANTED_BUGS];
    expect(all.filter((bug) => count(bug) !== 1).map(({ name }) => name)).toEqual([]);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
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
