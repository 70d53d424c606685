// SPDX-License-Identifier: MIT
// Random programs on the running kernel, the interpreter and the JIT. Needs root. See README.md.
//   npx tsx --conditions=@tsbpf/source tools/engines/kernel.ts --seed 1 --count 1000 [--kind net|numbers|c]... [--seconds S] [--progress]
import { parseArgs } from 'node:util';
import { formatAsm } from '../../packages/insn/src/index.ts';
import type { Sys } from '../../packages/uapi/src/index.ts';
import { listing } from '../soundness/net.ts';
import { KernelC } from './kernel-c.ts';
import { KernelNet } from './kernel-net.ts';
import { KernelNumbers } from './kernel-numbers.ts';
import { Worlds, runningKernel } from './kernel-systems.ts';
import { KernelTally } from './kernel-tally.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    kind: { type: 'string', multiple: true, default: ['net', 'numbers', 'c'] },
    seconds: { type: 'string', default: 'Infinity' },
    'near-misses': { type: 'string', default: '0.2' },
    progress: { type: 'boolean', default: false },
    show: { type: 'boolean', default: false },
  },
});
const [first, count] = [Number(values.seed), Number(values.count)];
/** Programs that simulated kernels serve. */
const EVERY = 400;

/** Something that compares the program of a seed, made anew now and then. */
type Comparison = (real: Sys, tally: KernelTally) => { one: (seed: number) => void; close: () => void };

const KINDS: Readonly<Record<string, Comparison>> = {
  net: (real, tally) => {
    const worlds = new Worlds(real);
    const net = new KernelNet(worlds, tally);
    return {
      one: (seed) => {
        const prog = net.program(seed, Number(values['near-misses']));
        if (values.show) console.log(listing(prog));
        net.compare(prog, (found, _insns, what) => console.log(`${what}\n${listing(found)}`));
      },
      close: () => worlds.close(),
    };
  },
  numbers: (real, tally) => {
    const numbers = new KernelNumbers(real, tally);
    return {
      one: (seed) =>
        numbers.compare(seed, (what, insns, of) => console.log(`${what}\nseed ${of}\n${formatAsm(insns)}`)),
      close: () => numbers.close(),
    };
  },
  c: (real, tally) => {
    const c = new KernelC(real, tally);
    return {
      one: (seed) =>
        c.compare(seed, (what, { source, how }) => console.log(`${what}\nseed ${seed}, ${how}\n${source}`)),
      close: () => c.close(),
    };
  },
};

function compare(kind: string, real: Sys): boolean {
  const start = performance.now();
  const tally = new KernelTally();
  const make = KINDS[kind];
  let comparison = make(real, tally);
  for (let seed = first; seed < first + count; seed++) {
    if (performance.now() - start > 1000 * Number(values.seconds)) break;
    comparison.one(seed);
    if ((seed + 1 - first) % EVERY !== 0) continue;
    comparison.close();
    comparison = make(real, tally);
    if (values.progress) console.log(`${kind}, seed ${seed}: ${tally.lines()[0]}`);
  }
  comparison.close();
  console.log(`${kind}, ${((performance.now() - start) / 1000).toFixed(1)} s: ${tally.lines().join('\n')}`);
  return tally.different === 0;
}

function main(): number {
  const unknown = values.kind.filter((kind) => !(kind in KINDS));
  if (unknown.length > 0) {
    console.error(`unknown kind ${unknown.join(', ')}; known: ${Object.keys(KINDS).join(', ')}`);
    return 2;
  }
  const real = runningKernel();
  if (typeof real === 'string') {
    console.error(`cannot compare: ${real}`);
    return 2;
  }
  return values.kind.map((kind) => compare(kind, real)).every(Boolean) ? 0 : 1;
}

process.exitCode = main();
