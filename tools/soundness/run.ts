// SPDX-License-Identifier: MIT
// The soundness net. See README.md.
//   npx tsx --conditions=@tsbpf/source tools/soundness/run.ts --seed 1 --count 1000 [--why] [--show]
//   npx tsx --conditions=@tsbpf/source tools/soundness/run.ts --mutants --seed 1 --count 10000
//   npx tsx --conditions=@tsbpf/source tools/soundness/run.ts --plant --seconds 600 [--only REGEXP] [--skip N]
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { randomProgram } from './generate.ts';
import { fixtureObjects, hexOf, loadsOf, mutant, tryMutant } from './mutate.ts';
import { createNetKernel } from './net-kernel.ts';
import { listing, throughTheNet } from './net.ts';
import { hunt } from './plant.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { MORE_PLANTED_BUGS } from './planted-bugs-more.ts';
import { Random } from './random.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    why: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    plant: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '600' },
    only: { type: 'string', default: '' },
    skip: { type: 'string', default: '0' },
    show: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
  },
});

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;
}

/** Programs that one kernel serves: what runs leave in it does not add up. */
const PROGRAMS_PER_KERNEL = 250;

function net(): number {
  const [first, count] = [Number(values.seed), Number(values.count)];
  const reasons = new Map<string, number>();
  const sizes: number[] = [];
  const coverage = new Coverage();
  const misses = new Map<string, [accepted: number, all: number]>();
  let [accepted, violations, own, compared, exact] = [0, 0, 0, 0, 0];
  let kernel = createNetKernel();
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    if (i % PROGRAMS_PER_KERNEL === 0) kernel = createNetKernel();
    const prog = randomProgram(first + i, kernel);
    if (values.show) console.log(listing(prog));
    const outcome = throughTheNet(kernel, prog, { coverage });
    if (prog.nearMiss !== undefined) {
      const row = misses.get(prog.nearMiss) ?? [0, 0];
      misses.set(prog.nearMiss, [row[0] + (outcome.accepted ? 1 : 0), row[1] + 1]);
    }
    compared += outcome.compared;
    exact += outcome.exact;
    if (outcome.accepted) {
      accepted++;
      sizes.push(prog.insns.length);
    } else {
      const reason = outcome.message.replace(/-?\d+/g, 'N');
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    if (outcome.ownBug !== undefined) {
      own++;
      if (values.why) console.log(`v5.6 itself: ${outcome.ownBug}\n${listing(prog)}`);
    }
    if (outcome.violation === undefined) continue;
    violations++;
    console.log(`${outcome.violation}\n${listing(prog)}`);
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${count} programs in ${seconds.toFixed(1)} s: ${accepted} accepted, their median ${median(sizes)} instructions; ` +
      `${compared} instructions compared, ${exact} with whole states; ${violations} violations, ${own} that later versions mended`,
  );
  if (values.table) console.log(coverage.table());
  if (values.why) {
    for (const [name, [ok, all]] of misses) console.log(`${ok} of ${all} accepted: ${name}`);
    for (const [reason, times] of [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 25)) console.log(times, reason);
  }
  return violations === 0 ? 0 : 1;
}

/** Mutants come in rounds over all objects, each round in new kernels. */
const MUTANTS_PER_LOAD = 20;

function mutate(): number {
  const random = new Random(Number(values.seed));
  const count = Number(values.count);
  const objects = fixtureObjects();
  let [tried, accepted, problems, slowest] = [0, 0, 0, 0];
  const start = performance.now();
  for (let i = 0; tried < count; i++) {
    const kernel = createNetKernel();
    const path = objects[i % objects.length];
    for (const load of loadsOf(kernel, path)) {
      for (let k = 0; k < MUTANTS_PER_LOAD && tried < count; k++) {
        const attr = mutant(load, random);
        const result = tryMutant(kernel, attr, random);
        tried++;
        if (result.accepted) accepted++;
        slowest = Math.max(slowest, result.ms);
        if (result.problem === undefined) continue;
        problems++;
        console.log(`${path}: ${result.problem}\n${hexOf(attr.insns ?? new Uint8Array())}\n`);
      }
    }
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${tried} mutants in ${seconds.toFixed(1)} s: ${accepted} accepted, ${problems} gave no verdict or escaped; ` +
      `the slowest took ${slowest.toFixed(0)} ms`,
  );
  return problems === 0 ? 0 : 1;
}

async function plantAll(): Promise<number> {
  const bugs = [...PLANTED_BUGS, ...MORE_PLANTED_BUGS]
    .filter(({ name }) => new RegExp(values.only).test(name))
    .slice(Number(values.skip));
  let found = 0;
  for (const bug of bugs) {
    const { foundBy, what, programs, seconds, cpuSeconds } = await hunt(bug, {
      seed: Number(values.seed),
      seconds: Number(values.seconds),
    });
    if (foundBy !== undefined) found++;
    const result =
      foundBy === undefined ? `NOT FOUND in ${programs} programs` : `found by ${foundBy}, program ${programs}`;
    console.log(
      `${seconds.toFixed(1).padStart(6)} s (${cpuSeconds.toFixed(1)} of CPU)  ${result}: ${bug.name}\n          ${what}`,
    );
  }
  console.log(`${found} of ${bugs.length} planted bugs found`);
  return found === bugs.length ? 0 : 1;
}

process.exitCode = values.plant ? await plantAll() : values.mutants ? mutate() : net();
