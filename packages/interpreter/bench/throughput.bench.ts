// SPDX-License-Identifier: MIT
// Instructions per second of each program, and its time as a multiple of the same work in plain JavaScript. Run it with
//   node --conditions=@tsbpf/source --import tsx packages/interpreter/bench/throughput.bench.ts
// The program and its JavaScript take turns; figures are the best of all turns, in CPU time.
import { assemble } from '@tsbpf/insn';
import { FakeKernel } from '../test/fake-kernel.ts';
import { PROGRAMS } from './programs.ts';

const TURNS = 25;
const TURN_US = 8000;

/** Microseconds of CPU time per call, with as many calls as a turn needs. */
function timer(work: () => void): () => number {
  let calls = 1;
  const once = (): number => {
    const start = process.cpuUsage();
    for (let i = 0; i < calls; i++) work();
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  for (let spent = once(); spent < TURN_US && calls < 1 << 24; spent = once()) calls *= 2;
  return () => once() / calls;
}

const k = new FakeKernel();
// Kernels grow their memory sooner or later, and arrays are slower from then on: V8 must check for detached buffers.
const grown = process.argv.includes('--grown');
if (grown) k.mem.free(k.mem.alloc(16 << 20));
console.log(`memory ${grown ? 'has grown' : 'has not grown yet (--grown)'}; Node ${process.version}`);
console.log('program      insns/run    ns/run   M insn/s   ÷ JS');

const rates: number[] = [];
for (const { name, asm, js } of PROGRAMS) {
  const insns = assemble(asm);
  const start = insns.findIndex((insn) => insn.code === 0x85 && insn.src === 1);
  const subprogs = start < 0 ? [] : [{ start: start + 1 + insns[start].imm }];
  const row = k.helper({ retWidth: 'zext', call: (_call, x) => x + 1 });
  const { loaded } = k.load(insns, { calls: [row], subprogs });
  const ctx = k.ctx(4096);
  const copy = new Uint8Array(4096);
  for (let i = 0; i < 4096; i++) copy[i] = (i * 31) & 0xff;
  k.mem.writeBytes(ctx, copy);

  let count = 0;
  k.observers = [{ insn: () => void count++ }];
  const r0 = loaded.run(ctx);
  k.observers = [];
  const view = new DataView(copy.buffer);
  const expected = js(copy, view);
  if (r0 !== expected) throw new RangeError(`${name}: R0 is ${r0}, JavaScript says ${expected}`);

  const bpf = timer(() => void loaded.run(ctx));
  const plain = timer(() => void js(copy, view));
  let [best, bestPlain] = [Infinity, Infinity];
  for (let turn = 0; turn < TURNS; turn++) {
    best = Math.min(best, bpf());
    bestPlain = Math.min(bestPlain, plain());
  }
  const rate = count / best;
  if (count > 100) rates.push(rate);
  const cells = [String(count).padStart(9), (best * 1000).toFixed(0).padStart(9), rate.toFixed(0).padStart(10)];
  console.log(name.padEnd(12), ...cells, (best / bestPlain).toFixed(1).padStart(7));
}
const mean = Math.exp(rates.reduce((sum, rate) => sum + Math.log(rate), 0) / rates.length);
console.log(`geometric mean of the programs of more than 100 instructions: ${mean.toFixed(0)} M insn/s`);
