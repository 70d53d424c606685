// SPDX-License-Identifier: MIT
// Both engines and, as root on Linux, the running kernel's JIT, on the same programs, taking turns: `pnpm bench [name…]`.
// Nanoseconds of CPU time a run, medians; ratios are medians of pairs measured one after the other. See README.md.
import { createHost } from '@tsbpf/host';
import { NotSupportedError } from '@tsbpf/uapi';
import { VerifierError } from 'tsbpf';
import { INTERPRETER_SAMPLE_NS, measure, net, nsOf, ratios, SAMPLE_NS, timed, type Timed } from './measure.ts';
import { PROGRAMS } from './program-set.ts';
import { geomean, median, quartiles } from './statistics.ts';
import { instructionsOf, simulatedKernel, Target } from './target.ts';

const wanted = process.argv.slice(2);
const programs = PROGRAMS.filter(({ name }) => name === 'trivial' || wanted.length === 0 || wanted.includes(name));
const names = programs.map(({ name }) => name);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no program ${unknown.join(', ')}; there are ${PROGRAMS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

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

const interpreted = simulatedKernel('interpreter');
const engines = {
  interpreter: timed(new Target(interpreted, names, { ownClock: false }), INTERPRETER_SAMPLE_NS),
  jit: timed(new Target(simulatedKernel('jit'), names, { ownClock: false }), SAMPLE_NS),
  atomics: timed(new Target(simulatedKernel('atomics'), names, { ownClock: false }), SAMPLE_NS),
};
const opened = openKernel();
const kernel = typeof opened === 'string' ? undefined : opened;
if (typeof opened === 'string') console.log(`without the running kernel: ${opened}`);
const all = [...(kernel === undefined ? [] : [kernel]), engines.jit, engines.atomics, engines.interpreter];

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
    ...['insns', 'ns/insn', 'prototype'],
  );
  const missed: string[] = [];
  const means = { raw: [] as number[], net: [] as number[], atomics: [] as number[], interpreter: [] as number[] };
  for (const { name, goal, atomicsGoal, prototype } of programs) {
    const { jit, atomics, interpreter } = engines;
    const slow = nsOf(interpreter, name);
    const insns = instructionsOf(interpreted, interpreter.target, name);
    const perInsn = slow / insns;
    if (prototype !== undefined && name !== 'trivial') {
      means.interpreter.push(perInsn / prototype);
      if (perInsn > prototype)
        missed.push(`${name}, interpreter, ${perInsn.toFixed(1)} ns an instruction > ${prototype}`);
    }
    if (kernel === undefined) {
      row(name, undefined, nsOf(jit, name), undefined, undefined, goal, undefined, nsOf(atomics, name), undefined);
      row('', ...new Array<undefined>(8).fill(undefined), slow, insns, perInsn, prototype);
      continue;
    }
    const pairs = ratios(jit, kernel, name);
    const [low, high] = quartiles(pairs);
    const raw = median(pairs);
    const real = median(ratios(atomics, kernel, name));
    const netRatio = name === 'trivial' ? undefined : net(jit, kernel, name);
    row(
      ...[name, nsOf(kernel, name), nsOf(jit, name), raw, `${low.toFixed(2)}-${high.toFixed(2)}`, goal, netRatio],
      ...[nsOf(atomics, name), real, slow, insns.toFixed(0), perInsn, prototype],
    );
    if (name === 'trivial') continue;
    means.raw.push(raw);
    means.net.push(netRatio ?? 1);
    means.atomics.push(real);
    if (raw > goal) missed.push(`${name} ${raw.toFixed(2)} > ${goal}`);
    if (atomicsGoal !== undefined && real > atomicsGoal) {
      missed.push(`${name}, real atomics, ${real.toFixed(2)} > ${atomicsGoal}`);
    }
  }
  if (kernel === undefined) return;
  row('geomean', undefined, undefined, geomean(means.raw), '', 0.95, geomean(means.net), '', geomean(means.atomics));
  console.log(`interpreter, an instruction as a multiple of the prototype's: ${geomean(means.interpreter).toFixed(2)}`);
  console.log(missed.length === 0 ? 'every goal is met' : `goals missed: ${missed.join('; ')}`);
}

for (const name of names) {
  const differing = await measure(all, name);
  if (differing !== undefined) console.log(`${name}: R0 differs: ${differing.join(', ')}`);
}
report();
