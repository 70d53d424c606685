// SPDX-License-Identifier: MIT
// Time per run of each program on both engines, CPU time, interleaved: `tsx --conditions=@tsbpf/source bench/engines.ts [name…]`.
import { createInterpreter } from '@tsbpf/interpreter';
import { createJit } from '@tsbpf/jit';
import { ExecKernel } from '@tsbpf/testkit';
import { EngineTarget } from '../packages/jit/bench/engine-target.ts';
import { packetBytes, PROGRAMS } from '../packages/jit/bench/programs.ts';

const SAMPLES = 11;
const names = process.argv.slice(2);

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function row(...cells: readonly (string | number)[]): void {
  const text = cells.map((cell, i) => {
    const shown = typeof cell === 'number' ? cell.toFixed(cell < 100 ? 2 : 0) : cell;
    return i === 0 ? shown.padEnd(16) : shown.padStart(14);
  });
  console.log(text.join(''));
}

const kernels = {
  interpreter: new ExecKernel((kernel) => createInterpreter(kernel)),
  jit: new ExecKernel((kernel) => createJit(kernel, { nowNs: () => performance.now() * 1e6 })),
  atomics: new ExecKernel((kernel) => createJit(kernel, { atomics: 'always' })),
};

row('program', 'interpreter ns', 'JIT run() ns', 'JIT batch ns', 'real atomics', 'interp ÷ JIT', 'compile µs');
for (const { name, make, runs } of PROGRAMS) {
  if (names.length > 0 && !names.includes(name)) continue;
  const benches = Object.entries(kernels).map(([engine, k]) => {
    const { mem } = k.state;
    const packet = mem.alloc(1500);
    mem.writeBytes(packet, packetBytes());
    const ctx = mem.alloc(16);
    mem.write64(ctx, mem.toAddr(packet));
    mem.write64(ctx + 8, mem.toAddr(packet + 1500));
    const results = mem.alloc(4 * runs);
    const prog = make(new EngineTarget(k));
    const r0 = k.run(prog, ctx);
    const count = engine === 'interpreter' ? Math.ceil(runs / 20) : runs;
    const batch = (): void => prog.loaded.runBatch({ ctxOff: ctx, strideBytes: 0, count, resultsOff: results });
    const single = (): void => {
      for (let i = 0; i < count; i++) prog.loaded.run(ctx);
    };
    return { engine, prog, r0, count, batch, single, batchNs: [] as number[], singleNs: [] as number[] };
  });
  const [, jit] = benches;
  if (benches.some(({ r0 }) => r0 !== jit.r0)) console.log(`${name}: engines disagree: ${benches.map((b) => b.r0)}`);
  // No OSR in Wasm: many calls, then a turn of the event loop, so that optimised code takes over.
  for (let warm = 0; warm < 6; warm++) {
    for (const { batch, single } of benches) {
      for (let i = 0; i < 3; i++) batch();
      single();
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const bench of benches) {
      const time = (act: () => void, into: number[]): void => {
        const start = cpuNs();
        act();
        into.push((cpuNs() - start) / bench.count);
      };
      time(bench.batch, bench.batchNs);
      if (bench.engine === 'jit') time(bench.single, bench.singleNs);
    }
  }
  const [interpreter, , atomics] = benches.map(({ batchNs }) => median(batchNs));
  const ratio = median(benches[0].batchNs.map((ns, i) => ns / jit.batchNs[i]));
  row(name, interpreter, median(jit.singleNs), median(jit.batchNs), atomics, ratio, jit.prog.loaded.compileNs / 1000);
}
