// SPDX-License-Identifier: MIT
// Both engines and, as root on Linux, the running kernel's JIT, on the same programs, taking turns: `pnpm bench [name…]`.
// Nanoseconds of CPU time a run, medians; ratios are medians of pairs measured one after the other. See README.md.
import { createHost } from '@tsbpf/host';
import { NotSupportedError } from '@tsbpf/uapi';
import { VerifierError } from 'tsbpf';
import { PROGRAMS, type BenchProgram } from './program-set.ts';
import { geomean, median, quartiles } from './statistics.ts';
import { simulatedSys, Target } from './target.ts';

const SAMPLES = 15;
/** Nanoseconds of a sample. */
const SAMPLE_NS = 4e6;
const INTERPRETER_SAMPLE_NS = 3e6;
/** Optimised code takes over after so many nanoseconds of runs, with turns of the event loop in between. */
const WARM_NS = 12e6;
const WARM_TURNS = 5;
const MAX_REPEAT = 1_000_000;

const wanted = process.argv.slice(2);
const programs = PROGRAMS.filter(({ name }) => name === 'trivial' || wanted.length === 0 || wanted.includes(name));
const names = programs.map(({ name }) => name);

interface Timed {
  readonly target: Target;
  readonly sampleNs: number;
  readonly times: Map<string, number[]>;
  readonly repeats: Map<string, number>;
}

const timed = (target: Target, sampleNs: number): Timed => ({
  target,
  sampleNs,
  times: new Map(),
  repeats: new Map(),
});

/** Why there is no kernel to compare with, or the programs on it. */
function openKernel(): Timed | string {
  try {
    return timed(new Target(createHost(), names, { ownClock: true }), SAMPLE_NS);
  } catch (error) {
    if (error instanceof NotSupportedError || error instanceof VerifierError) return error.message;
    if ((error as { errno?: number }).errno === 1) return 'bpf(2) is root’s: EPERM';
    throw error;
  }
}

const engines = {
  interpreter: timed(new Target(simulatedSys('interpreter'), names, { ownClock: false }), INTERPRETER_SAMPLE_NS),
  jit: timed(new Target(simulatedSys('jit'), names, { ownClock: false }), SAMPLE_NS),
  atomics: timed(new Target(simulatedSys('atomics'), names, { ownClock: false }), SAMPLE_NS),
};
const opened = openKernel();
const kernel = typeof opened === 'string' ? undefined : opened;
if (typeof opened === 'string') console.log(`without the running kernel: ${opened}`);
const all = [...(kernel === undefined ? [] : [kernel]), engines.jit, engines.atomics, engines.interpreter];

/** Runs that fill a sample, once the code is warm. */
async function warm({ target, sampleNs, repeats }: Timed, name: string): Promise<number> {
  let repeat = 1;
  let r0 = 0;
  for (let turn = 0; turn < WARM_TURNS; turn++) {
    for (let spent = 0; spent < WARM_NS / WARM_TURNS;) {
      const result = target.run(name, repeat);
      const { ns } = result;
      r0 = result.r0;
      spent += ns * repeat;
      repeat = Math.max(1, Math.min(MAX_REPEAT, repeat * 4, Math.ceil(sampleNs / Math.max(ns, 1))));
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  repeats.set(name, repeat);
  return r0;
}

async function measure({ name }: BenchProgram): Promise<void> {
  const results: number[] = [];
  for (const one of all) results.push(await warm(one, name));
  if (new Set(results).size > 1) console.log(`${name}: R0 differs: ${results.join(', ')}`);
  for (const one of all) one.times.set(name, []);
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const { target, times, repeats } of all) times.get(name)?.push(target.run(name, repeats.get(name) ?? 1).ns);
  }
}

const timesOf = (one: Timed, name: string): readonly number[] => one.times.get(name) ?? [];
const nsOf = (one: Timed, name: string): number => median(timesOf(one, name));

/** Ratios of samples taken one after the other. */
function ratios(one: Timed, other: Timed, name: string): number[] {
  const others = timesOf(other, name);
  return timesOf(one, name).map((ns, i) => ns / (others[i] ?? NaN));
}

/** The ratio without what a run costs that does nothing. */
function net(one: Timed, other: Timed, name: string): number {
  const over = (which: Timed): number => nsOf(which, name) - nsOf(which, 'trivial');
  return Math.max(0, over(one)) / Math.max(0.5, over(other));
}

function row(...cells: readonly (string | number | undefined)[]): void {
  const text = cells.map((cell, i) => {
    if (cell === undefined) return '-'.padStart(11);
    const shown = typeof cell === 'number' ? cell.toFixed(cell < 100 ? 2 : 0) : cell;
    return i === 0 ? shown.padEnd(14) : shown.padStart(11);
  });
  console.log(text.join(''));
}

function report(): void {
  row(
    ...['program', 'kernel ns', 'JIT ns', 'ratio', 'spread', 'goal', 'net', 'atomics ns', 'ratio', 'interp. ns'],
    ...['÷ JIT', '÷ kernel', 'prototype'],
  );
  const missed: string[] = [];
  const means = { raw: [] as number[], net: [] as number[], atomics: [] as number[], interpreter: [] as number[] };
  for (const { name, goal, atomicsGoal, prototype } of programs) {
    const { jit, atomics, interpreter } = engines;
    const interpreted = nsOf(interpreter, name);
    const behind = median(ratios(interpreter, jit, name));
    if (kernel === undefined) {
      row(name, undefined, nsOf(jit, name), undefined, undefined, goal, undefined, nsOf(atomics, name), undefined);
      row('', ...new Array<undefined>(8).fill(undefined), interpreted, behind);
      continue;
    }
    const pairs = ratios(jit, kernel, name);
    const [low, high] = quartiles(pairs);
    const raw = median(pairs);
    const real = median(ratios(atomics, kernel, name));
    const slow = median(ratios(interpreter, kernel, name));
    const netRatio = name === 'trivial' ? undefined : net(jit, kernel, name);
    row(
      ...[name, nsOf(kernel, name), nsOf(jit, name), raw, `${low.toFixed(2)}-${high.toFixed(2)}`, goal, netRatio],
      ...[nsOf(atomics, name), real, interpreted, behind, slow, prototype],
    );
    if (name === 'trivial') continue;
    means.raw.push(raw);
    means.net.push(netRatio ?? 1);
    means.atomics.push(real);
    if (prototype !== undefined) means.interpreter.push(slow / prototype);
    if (raw > goal) missed.push(`${name} ${raw.toFixed(2)} > ${goal}`);
    if (atomicsGoal !== undefined && real > atomicsGoal) {
      missed.push(`${name}, real atomics, ${real.toFixed(2)} > ${atomicsGoal}`);
    }
    if (prototype !== undefined && slow > prototype) {
      missed.push(`${name}, interpreter, ${slow.toFixed(1)} > ${prototype}`);
    }
  }
  if (kernel === undefined) return;
  row('geomean', undefined, undefined, geomean(means.raw), '', 0.95, geomean(means.net), '', geomean(means.atomics));
  console.log(`interpreter, as a multiple of the prototype's: ${geomean(means.interpreter).toFixed(2)}`);
  console.log(missed.length === 0 ? 'every goal is met' : `goals missed: ${missed.join('; ')}`);
}

for (const program of programs) await measure(program);
report();
