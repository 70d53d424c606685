// SPDX-License-Identifier: MIT
// The long run: so many random programs and so many mutants, in chunks. What was done is kept in a file, from which the
// next run goes on.
//   nice npx tsx --conditions=@tsbpf/source tools/soundness/long.ts --programs 1000000 --mutants 1000000 --state FILE
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { BpfError, EINVAL, UsageError } from '../../packages/uapi/src/index.ts';
import { loadTable, type SelftestTable } from '../selftests/cases.ts';
import { Coverage } from './coverage.ts';
import { randomProgram } from './generate.ts';
import {
  exampleObjects,
  fixtureObjects,
  hexOf,
  loadsOf,
  mutant,
  tryCase,
  tryMutant,
  type MutantResult,
} from './mutate.ts';
import { createNetKernel } from './net-kernel.ts';
import { listing, throughTheNet } from './net.ts';
import { Random } from './random.ts';

const { values: flags } = parseArgs({
  options: {
    programs: { type: 'string', default: '1000000' },
    mutants: { type: 'string', default: '1000000' },
    state: { type: 'string' },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '2' },
  },
});

/** What is kept between runs. */
interface State {
  readonly seed: number;
  programs: {
    done: number;
    accepted: number;
    lengths: number[];
    compared: number;
    exact: number;
    own: number;
    seconds: number;
  };
  mutants: { done: number; accepted: number; slowestMs: number; seconds: number; bySource: Record<string, number> };
  /** Violations, and what gave no verdict. */
  problems: string[];
  coverage: unknown;
}

const CHUNK = 2000;
const PROGRAMS_PER_KERNEL = 250;
const MUTANTS_PER_LOAD = 60;
const MUTANTS_PER_CASE = 20;
/** Of each chunk of mutants. */
const CASES = 50;
const LONGEST = 1000;

const numberOf = (name: 'programs' | 'mutants' | 'seed' | 'runs'): number => {
  const number = Number(flags[name]);
  if (!Number.isInteger(number) || number < 0) {
    throw new UsageError(`--${name} is "${flags[name]}": give a whole number`, { errno: EINVAL });
  }
  return number;
};

function readState(file: string | undefined, seed: number): State {
  if (file !== undefined && existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as State;
  return {
    seed,
    programs: { done: 0, accepted: 0, lengths: [], compared: 0, exact: 0, own: 0, seconds: 0 },
    mutants: { done: 0, accepted: 0, slowestMs: 0, seconds: 0, bySource: {} },
    problems: [],
    coverage: undefined,
  };
}

function writeState(file: string | undefined, state: State): void {
  if (file === undefined) return;
  writeFileSync(`${file}.new`, JSON.stringify(state));
  renameSync(`${file}.new`, file);
}

function somePrograms(state: State, coverage: Coverage, count: number): void {
  const { programs } = state;
  const start = performance.now();
  let kernel = createNetKernel();
  for (let i = 0; i < count; i++) {
    if (i > 0 && i % PROGRAMS_PER_KERNEL === 0) kernel = createNetKernel();
    const prog = randomProgram(state.seed + programs.done++, kernel);
    const outcome = throughTheNet(kernel, prog, { coverage, runs: numberOf('runs') });
    programs.compared += outcome.compared;
    programs.exact += outcome.exact;
    if (outcome.ownBug !== undefined) {
      programs.own++;
      console.log(`v5.6 itself, seed ${prog.seed}: ${outcome.ownBug}`);
    }
    if (outcome.accepted) {
      programs.accepted++;
      const length = Math.min(prog.insns.length, LONGEST);
      programs.lengths[length] = (programs.lengths[length] ?? 0) + 1;
    }
    if (outcome.violation !== undefined) {
      state.problems.push(`${outcome.violation}\n${listing(prog)}`);
      console.log(`${outcome.violation}\n${listing(prog)}`);
    }
  }
  programs.seconds += (performance.now() - start) / 1000;
}

function someMutants(state: State, objects: readonly string[], table: SelftestTable | undefined, count: number): void {
  const { mutants } = state;
  const start = performance.now();
  const first = mutants.done;
  const random = new Random(state.seed ^ Math.imul(first + 1, 0x9e3779b1));
  const note = (source: string, { accepted, problem, ms }: MutantResult, insns: Uint8Array | undefined): void => {
    mutants.done++;
    mutants.bySource[source] = (mutants.bySource[source] ?? 0) + 1;
    if (accepted) mutants.accepted++;
    mutants.slowestMs = Math.max(mutants.slowestMs, ms);
    if (problem === undefined) return;
    const text = `${source}: ${problem}\n${hexOf(insns ?? new Uint8Array())}`;
    state.problems.push(text);
    console.log(text);
  };
  if (table !== undefined) {
    for (let i = 0; i < CASES && mutants.done - first < count / 2; i++) {
      const net = i % 50 === 0 ? undefined : kernelOfCases;
      kernelOfCases = net ?? createNetKernel();
      const test = random.pick(table.cases);
      const from = { table, test, random, count: MUTANTS_PER_CASE };
      tryCase(kernelOfCases, from, (result, attr) => note('test_verifier', result, attr.insns));
    }
  }
  while (mutants.done - first < count) {
    const path = random.pick(objects);
    const net = createNetKernel();
    for (const load of loadsOf(net, path)) {
      for (let k = 0; k < MUTANTS_PER_LOAD && mutants.done - first < count; k++) {
        const attr = mutant(load, random);
        note(
          path.includes('examples') ? `example ${basename(path)}` : 'fixtures',
          tryMutant(net, attr, random),
          attr.insns,
        );
      }
    }
  }
  mutants.seconds += (performance.now() - start) / 1000;
}

let kernelOfCases = createNetKernel();

/** Linux's cases, where its source is installed. */
function selftests(): SelftestTable | undefined {
  try {
    return loadTable();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    console.log(`no mutants of test_verifier: ${error.message}`);
    return undefined;
  }
}

function medianOf(lengths: readonly (number | null)[], total: number): number {
  let seen = 0;
  for (let length = 0; length < lengths.length; length++) {
    seen += lengths[length] ?? 0;
    if (seen * 2 >= total) return length;
  }
  return 0;
}

function summary({ programs, mutants, problems }: State): string {
  const share = ((100 * programs.accepted) / Math.max(1, programs.done)).toFixed(1);
  return (
    `${programs.done} programs in ${programs.seconds.toFixed(0)} s: ${share} % accepted, their median ` +
    `${medianOf(programs.lengths, programs.accepted)} instructions, ${programs.compared} instructions compared, ` +
    `${programs.exact} with whole states, ${programs.own} that later versions mended\n` +
    `${mutants.done} mutants in ${mutants.seconds.toFixed(0)} s: ${mutants.accepted} accepted, the slowest ` +
    `${mutants.slowestMs.toFixed(0)} ms; ${JSON.stringify(mutants.bySource)}\n${problems.length} problems`
  );
}

function main(): number {
  const [programs, mutants] = [numberOf('programs'), numberOf('mutants')];
  const state = readState(flags.state, numberOf('seed'));
  const coverage = new Coverage();
  if (state.coverage !== undefined) coverage.add(state.coverage);
  const table = mutants > state.mutants.done ? selftests() : undefined;
  const objects = [...fixtureObjects(), ...exampleObjects()];
  while (state.programs.done < programs || state.mutants.done < mutants) {
    if (state.programs.done < programs) {
      somePrograms(state, coverage, Math.min(CHUNK, programs - state.programs.done));
      state.coverage = coverage.save();
    }
    // Both advance together.
    const due = Math.ceil((mutants * state.programs.done) / Math.max(1, programs)) || mutants;
    while (state.mutants.done < Math.min(due, mutants)) {
      someMutants(state, objects, table, Math.min(CHUNK, mutants - state.mutants.done));
      writeState(flags.state, state);
    }
    writeState(flags.state, state);
  }
  console.log(summary(state));
  console.log(coverage.table());
  return state.problems.length === 0 ? 0 : 1;
}

process.exitCode = main();
