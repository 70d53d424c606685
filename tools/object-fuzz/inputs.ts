// SPDX-License-Identifier: MIT
// The input of a number: the same for the same seed and corpus, whoever asks.
import { STEPS, type Step } from './exercise.ts';
import type { Seed } from './corpus.ts';
import { mutate } from './mutate.ts';
import { createRandom } from './random.ts';

export interface FuzzInput {
  readonly index: number;
  readonly from: Seed;
  readonly bytes: Uint8Array;
  /** Opening, and one thing more. */
  readonly steps: readonly Step[];
  /** What a link joins it with. */
  readonly other: Seed;
}

export function inputOf(index: number, seed: number, corpus: readonly Seed[]): FuzzInput {
  const random = createRandom((Math.imul(index, 0x9e3779b1) ^ seed) >>> 0);
  const from = random.pick(corpus);
  const other = random.pick(corpus);
  const more = random.pick(STEPS);
  return { index, from, other, bytes: mutate(from.bytes, random), steps: more === 'open' ? ['open'] : ['open', more] };
}
