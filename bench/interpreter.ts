// SPDX-License-Identifier: MIT
// The interpreter on each program: nanoseconds a run, millions of instructions a second, and its time as a multiple of
// the same work in plain JavaScript, the two taking turns: `pnpm bench:interpreter [name…]`. CPU time, medians.
import { createInterpreter } from '@tsbpf/interpreter';
import { ExecKernel } from '@tsbpf/testkit';
import { EngineTarget } from '../packages/jit/bench/engine-target.ts';
import { packetBytes, PROGRAMS } from '../packages/jit/bench/programs.ts';
import { plainJs } from './plain-js.ts';

const TURNS = 15;
const TURN_US = 8000;
/** Programs this short measure the entry of a run, not instructions. */
const SHORT = 100;
const names = process.argv.slice(2);

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Microseconds of CPU time per call, with as many calls as a turn needs. */
function timer(work: () => unknown): () => number {
  let calls = 1;
  const turn = (): number => {
    const start = cpuUs();
    for (let i = 0; i < calls; i++) work();
    return cpuUs() - start;
  };
  while (turn() < TURN_US) calls *= 2;
  return () => turn() / calls;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

const twins = plainJs();
const rates: number[] = [];
console.log('program        insns/run      ns/run   M insn/s     ÷ JS');
for (const { name, make } of PROGRAMS) {
  const twin = twins[name];
  if (twin === undefined || (names.length > 0 && !names.includes(name))) continue;
  const k = new ExecKernel((kernel) => createInterpreter(kernel));
  const { mem } = k.state;
  const packet = mem.alloc(1500);
  mem.writeBytes(packet, packetBytes());
  const ctx = mem.alloc(16);
  mem.write64(ctx, mem.toAddr(packet));
  mem.write64(ctx + 8, mem.toAddr(packet + 1500));
  const prog = make(new EngineTarget(k));

  const run = prog.loaded.start(ctx);
  let insns = 1;
  while (run.step()) insns++;

  const ours = timer(() => prog.loaded.run(ctx));
  const theirs = timer(twin);
  const us: number[] = [];
  const ratios: number[] = [];
  for (let i = 0; i < TURNS; i++) {
    const time = ours();
    us.push(time);
    ratios.push(time / theirs());
  }
  const rate = insns / median(us);
  if (insns > SHORT) rates.push(rate);
  const cells = [String(insns).padStart(10), (median(us) * 1000).toFixed(0).padStart(12), rate.toFixed(0).padStart(11)];
  console.log(name.padEnd(14) + cells.join('') + median(ratios).toFixed(1).padStart(9));
}
const mean = Math.exp(rates.reduce((sum, rate) => sum + Math.log(rate), 0) / Math.max(1, rates.length));
console.log(`geometric mean of the programs of more than ${SHORT} instructions: ${mean.toFixed(0)} M insn/s`);
