// SPDX-License-Identifier: MIT
// Nanoseconds of CPU time per instruction processed, and memory, at the limit of a million. Run it with
//   node --conditions=@tsbpf/source --import tsx packages/verifier/bench/verify.bench.ts
// Linux's own verifier takes about 100 ns.
import { verifyText } from '../test/rig.ts';

const TURNS = 3;

/** Programs that all end at the limit: a counting loop, one through the stack, one with many branches in each round. */
const PROGRAMS: Readonly<Record<string, string>> = {
  loop: 'r0 = 0\nagain:\nr0 += 1\nif r0 != 0 goto again\nexit',
  stack: `r6 = 0
    again:
    r6 += 1
    *(u64 *)(r10 -8) = r6
    *(u64 *)(r10 -16) = r6
    r7 = *(u64 *)(r10 -8)
    r7 *= 3
    if r6 != 0 goto again
    r0 = 0
    exit`,
  branches: `r8 = r1
    r6 = 0
    again:
    r2 = *(u32 *)(r8 +0)
    if r2 > 100 goto a
    r6 += 1
    a:
    if r2 > 200 goto b
    r6 += 2
    b:
    r6 += 1
    r3 = r10
    r3 += -64
    *(u64 *)(r3 +0) = r6
    if r6 < 1000000000 goto again
    r0 = 0
    exit`,
};

for (const [name, text] of Object.entries(PROGRAMS)) {
  let best = Infinity;
  let states = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const start = process.cpuUsage();
    const { stats } = verifyText(text, { level: 4 });
    const { user } = process.cpuUsage(start);
    best = Math.min(best, (user * 1000) / stats.processedInsns);
    states = stats.peakStates;
  }
  const rssMb = Math.round(process.memoryUsage().rss / 1e6);
  console.log(`${name.padEnd(10)} ${best.toFixed(0).padStart(5)} ns/insn  ${states} states  ${rssMb} MB`);
}
