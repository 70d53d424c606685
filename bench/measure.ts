// SPDX-License-Identifier: MIT
// Programs measured at several places in turns, once their code is warm.
import { median } from './statistics.ts';
import type { Target } from './target.ts';

/** Samples of each program at each place. */
const SAMPLES = 15;
/** Nanoseconds of a sample. */
export const SAMPLE_NS = 4e6;
export const INTERPRETER_SAMPLE_NS = 3e6;
/** Optimised code takes over after so many nanoseconds of runs, with turns of the event loop in between. */
const WARM_NS = 12e6;
const INTERPRETER_WARM_NS = 60e6;
const WARM_TURNS = 5;
const MAX_REPEAT = 1_000_000;

/** A place, what it took, and how many runs a sample has. */
export interface Timed {
  readonly target: Target;
  readonly sampleNs: number;
  readonly times: Map<string, number[]>;
  readonly repeats: Map<string, number>;
}

export const timed = (target: Target, sampleNs: number): Timed => ({
  target,
  sampleNs,
  times: new Map(),
  repeats: new Map(),
});

/** Runs that fill a sample, once the code is warm. */
async function warm({ target, sampleNs, repeats }: Timed, name: string): Promise<number> {
  const warmNs = sampleNs === INTERPRETER_SAMPLE_NS ? INTERPRETER_WARM_NS : WARM_NS;
  let repeat = 1;
  let r0 = 0;
  for (let turn = 0; turn < WARM_TURNS; turn++) {
    for (let spent = 0; spent < warmNs / WARM_TURNS;) {
      const result = target.run(name, repeat);
      const { ns } = result;
      r0 = result.r0;
      spent += ns * repeat;
      repeat = Math.max(1, Math.min(MAX_REPEAT, repeat * 4, Math.ceil(sampleNs / Math.max(ns, 1))));
    }
    // The interpreter's loop is one large function, and every new instruction has V8 compile it again, aside.
    await new Promise((resolve) => setTimeout(resolve, sampleNs === INTERPRETER_SAMPLE_NS ? 25 : 2));
  }
  repeats.set(name, repeat);
  return r0;
}

/** Measures a program everywhere; what R0 was, where it was not the same. */
export async function measure(all: readonly Timed[], name: string): Promise<readonly number[] | undefined> {
  const results: number[] = [];
  for (const one of all) results.push(await warm(one, name));
  for (const one of all) one.times.set(name, []);
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const { target, times, repeats } of all) times.get(name)?.push(target.run(name, repeats.get(name) ?? 1).ns);
  }
  return new Set(results).size > 1 ? results : undefined;
}

const timesOf = (one: Timed, name: string): readonly number[] => one.times.get(name) ?? [];
/** Median nanoseconds of a run. */
export const nsOf = (one: Timed, name: string): number => median(timesOf(one, name));

/** Ratios of samples taken one after the other. */
export function ratios(one: Timed, other: Timed, name: string): number[] {
  const others = timesOf(other, name);
  return timesOf(one, name).map((ns, i) => ns / (others[i] ?? NaN));
}

/** The ratio without what a run costs that does nothing. */
export function net(one: Timed, other: Timed, name: string): number {
  const over = (which: Timed): number => nsOf(which, name) - nsOf(which, 'trivial');
  return Math.max(0, over(one)) / Math.max(0.5, over(other));
}
