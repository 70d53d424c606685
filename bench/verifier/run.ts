// SPDX-License-Identifier: MIT
// Nanoseconds per instruction processed: the verifier beside the running kernel, on the same programs; and the memory
// that each of them takes in a process of its own. The built packages run, not their sources. As root:
//   pnpm build && node bench/verifier/run.ts …  is  pnpm bench:verifier [NAME [TURNS]]
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { measureHost, measureOurs, type Measured } from './measure.ts';
import { PROGRAMS } from './programs.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** One program in a fresh process: what a user's single load takes. */
function once(name: string): { ns: number; rssMb: number; grownMb: number } {
  const out = execFileSync(process.execPath, [...process.execArgv, `${HERE}once.ts`, name], { encoding: 'utf8' });
  return JSON.parse(out) as { ns: number; rssMb: number; grownMb: number };
}

function cell(value: string | number, width: number): string {
  return `${value}`.padStart(width);
}

const only = process.argv[2] ?? '';
const turns = Number(process.argv[3] ?? 5);
console.log(
  `${'program'.padEnd(16)} ${cell('insns', 8)} ${cell('kernel', 8)} ${cell('ours', 8)} ${cell('ratio', 6)}   ` +
    `${cell('first', 8)} ${cell('memory', 8)}`,
);
const ratios: number[] = [];
for (const [name, text] of Object.entries(PROGRAMS)) {
  if (!name.includes(only)) continue;
  let ours: Measured | undefined;
  let theirs: Measured | undefined;
  // In turns, so that what else the machine does weighs on both.
  for (let turn = 0; turn < turns; turn++) {
    const a = measureOurs(text);
    const b = await measureHost(text);
    if (ours === undefined || a.ns < ours.ns) ours = a;
    if (theirs === undefined || b.ns < theirs.ns) theirs = b;
  }
  if (ours === undefined || theirs === undefined) continue;
  const alone = once(name);
  const ratio = ours.ns / theirs.ns;
  ratios.push(ratio);
  console.log(
    `${name.padEnd(16)} ${cell(ours.insns, 8)} ${cell(`${theirs.ns.toFixed(0)} ns`, 8)} ` +
      `${cell(`${ours.ns.toFixed(0)} ns`, 8)} ${cell(ratio.toFixed(1), 6)}   ` +
      `${cell(`${alone.ns.toFixed(0)} ns`, 8)} ${cell(`${alone.rssMb} MB`, 8)}   (${ours.result}, ${theirs.result})`,
  );
}
console.log(`worst ratio ${Math.max(...ratios).toFixed(1)}; "first" is a process's first load, nothing compiled yet;`);
console.log('"memory" is the most that process ever held, the simulated kernel and its BTF included');
