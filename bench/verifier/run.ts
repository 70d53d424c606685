// SPDX-License-Identifier: MIT
// Nanoseconds per instruction processed: the verifier beside the running kernel, on the same programs; and the memory
// a million of them take. As root:
//   npx tsx --conditions=@tsbpf/source bench/verifier/run.ts [NAME [TURNS]]
import { assemble, encodeInsns } from '../../packages/insn/src/index.ts';
import { createKernel } from '../../packages/tsbpf/src/index.ts';
import { BPF_PROG_LOAD, BPF_PROG_TYPE_SOCKET_FILTER, type Sys } from '../../packages/uapi/src/index.ts';
import { openSys } from '../../tools/open-sys.ts';

const TURNS = Number(process.argv[3] ?? 5);
const LOG_STATS = 4;

/** Straight code without joins: nothing can be pruned. */
function straight(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => `r${2 + (i % 4)} = ${i}\nr${2 + (i % 4)} ^= r${3 + (i % 3)}`);
  return `r0 = 0\nr2 = 1\nr3 = 2\nr4 = 3\nr5 = 4\n${lines.join('\n')}\nexit`;
}

/** Two ways each time, told apart by a number that matters: 2 to the power of `depth` paths. */
function paths(depth: number): string {
  const steps = Array.from(
    { length: depth },
    (_, i) => `r2 = *(u32 *)(r6 +${4 * (i % 4)})\nif r2 > 7 goto l${i}\nr7 += ${2 ** i}\nl${i}:`,
  );
  const use = 'r3 = r10\nr7 &= 63\nr7 += -64\nr3 += r7\nr0 = 0\nexit';
  return `r6 = r1\nr7 = 0\n${steps.join('\n')}\n${use}`;
}

const PROGRAMS: Readonly<Record<string, string>> = {
  straight: straight(1500),
  loop: 'r0 = 0\nagain:\nr0 += 1\nif r0 < 100000 goto again\nr0 = 0\nexit',
  'loop with stack':
    'r6 = 0\nagain:\nr6 += 1\n*(u64 *)(r10 -8) = r6\n*(u64 *)(r10 -16) = r6\nr7 = *(u64 *)(r10 -8)\nr7 *= 3\n' +
    'if r6 < 100000 goto again\nr0 = 0\nexit',
  paths: paths(12),
  'a million': 'r0 = 0\nagain:\nr0 += 1\nif r0 != 0 goto again\nexit',
};

interface Measured {
  readonly insns: number;
  readonly ns: number;
  readonly result: number;
}

/** One load: what it answers, instructions processed, and the time the kernel says it took. */
function load(sys: Sys, insns: Uint8Array): Measured {
  const log_buf = new Uint8Array(1 << 16);
  const prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  const result = sys.bpf(BPF_PROG_LOAD, { prog_type, insns, license: 'GPL', log_level: LOG_STATS, log_buf });
  if (result >= 0) sys.close(result);
  const log = new TextDecoder().decode(log_buf);
  const usec = Number(/verification time (\d+) usec/.exec(log)?.[1] ?? NaN);
  const processed = Number(/processed (\d+) insns/.exec(log)?.[1] ?? NaN);
  return { insns: processed, ns: (usec * 1000) / processed, result };
}

/** The best of a few loads. The simulated clock stands still: its loads take this process's CPU time, all of the load. */
function measure(sys: Sys, text: string, simulated: boolean): Measured {
  const insns = encodeInsns(assemble(text));
  let best: Measured = { insns: 0, ns: Infinity, result: 0 };
  for (let turn = 0; turn < TURNS; turn++) {
    const start = process.cpuUsage();
    const said = load(sys, insns);
    const { user, system } = process.cpuUsage(start);
    const ns = simulated ? ((user + system) * 1000) / said.insns : said.ns;
    if (ns < best.ns) best = { ...said, ns };
  }
  return best;
}

const ours = createKernel();
const theirs = await openSys('host');
const started = process.memoryUsage().rss;
console.log(
  `${'program'.padEnd(16)} ${'insns'.padStart(8)} ${'ours'.padStart(8)}   ${'insns'.padStart(8)} kernel   ratio`,
);
const only = process.argv[2] ?? '';
for (const [name, text] of Object.entries(PROGRAMS)) {
  if (!name.includes(only)) continue;
  const a = measure(ours, text, true);
  const b = measure(theirs, text, false);
  const cells = [a.insns, `${a.ns.toFixed(0)} ns`, ' ', b.insns, `${b.ns.toFixed(0)} ns`].map((c) =>
    `${c}`.padStart(8),
  );
  console.log(`${name.padEnd(16)} ${cells.join(' ')} ${(a.ns / b.ns).toFixed(1)}   (${a.result}, ${b.result})`);
}
const peak = process.resourceUsage().maxRSS * 1024;
console.log(`memory: ${Math.round(started / 1e6)} MB before, ${Math.round(peak / 1e6)} MB at most`);
