// SPDX-License-Identifier: MIT
// A few thousand of the inputs that `run.ts` takes by the million.
import { describe, expect, it } from 'vitest';
import { readCorpus } from './corpus.ts';
import { exercise, STEPS } from './exercise.ts';
import { inputOf } from './inputs.ts';
import { check } from './measure.ts';

const corpus = readCorpus();

describe('mutants of objects', () => {
  it('sound objects go through every step', () => {
    expect(corpus.length).toBeGreaterThan(40);
    for (const step of STEPS) exercise(step, corpus[0].bytes, corpus[1]);
  });

  it('inputs depend on seed and number alone', () => {
    expect(inputOf(7, 3, corpus)).toEqual(inputOf(7, 3, corpus));
    expect(inputOf(7, 3, corpus).bytes).not.toEqual(inputOf(7, 4, corpus).bytes);
  });

  it.each([1, 2, 3])('seed %i: nothing but typed errors, soon and in little memory', (seed) => {
    for (let index = 0; index < 600; index++) expect(check(inputOf(index, seed, corpus))).toEqual([]);
  });
});
