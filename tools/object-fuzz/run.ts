// SPDX-License-Identifier: MIT
// Mutants of sound objects through everything that reads objects and types: no hang, no memory without bound, nothing
// but typed errors.
//   tsx --conditions=@tsbpf/source tools/object-fuzz/run.ts [--count N] [--seed N] [--start N] [--corpus DIR]...
//   with --save DIR, inputs with findings are written there; --only N checks one input
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCorpus } from './corpus.ts';
import { inputOf } from './inputs.ts';
import { check, type Finding } from './measure.ts';

/** Inputs for which one process lives. */
const BLOCK = 20_000;
/** Seconds without an input done after which a process hangs; the machine may be busy. */
const HANG_S = 60;
/** MiB of objects of JavaScript that a process may hold. */
const HEAP_MB = 160;
const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

const { values: flags } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    start: { type: 'string', default: '0' },
    only: { type: 'string' },
    save: { type: 'string' },
    corpus: { type: 'string', multiple: true, default: [] },
  },
});
const seed = Number(flags.seed);
const corpus = readCorpus(flags.corpus);

function save(index: number): string {
  if (flags.save === undefined) return '';
  mkdirSync(flags.save, { recursive: true });
  const path = join(flags.save, `${seed}-${index}.o`);
  writeFileSync(path, inputOf(index, seed, corpus).bytes);
  return ` (saved as ${path})`;
}

function report(finding: Finding): void {
  console.log(`#${finding.index}, of ${finding.from}, ${finding.step}: ${finding.what}${save(finding.index)}`);
}

/** Runs a block in a process of its own. The result is where the next begins. */
async function runBlock(from: number, to: number, progress: string, findings: Finding[]): Promise<number> {
  const flagsOfNode = [...process.execArgv, `--max-old-space-size=${HEAP_MB}`];
  const child = spawn(
    process.execPath,
    [...flagsOfNode, CHILD, `${from}`, `${to}`, `${seed}`, progress, ...flags.corpus],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let errors = '';
  child.stderr.on('data', (chunk: Uint8Array) => (errors += new TextDecoder().decode(chunk)));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const finding = JSON.parse(line) as Finding;
    findings.push(finding);
    report(finding);
  });
  const at = (): number => {
    try {
      return readFileSync(progress).readUInt32LE(0);
    } catch {
      return from;
    }
  };
  let hung = false;
  let last = -1;
  const watch = setInterval(() => {
    const now = at();
    if (now === last) {
      hung = true;
      child.kill('SIGKILL');
    }
    last = now;
  }, HANG_S * 1000);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(watch);
  if (code === 0) return to;
  const index = at();
  const what = hung
    ? `hangs: not done after ${HANG_S} s`
    : `ends the process: ${errors.trim().split('\n').slice(-12).join('\n')}`;
  const finding = { index, from: inputOf(index, seed, corpus).from.name, step: 'any', what };
  findings.push(finding);
  report(finding);
  return index + 1;
}

async function main(): Promise<number> {
  if (flags.only !== undefined) {
    const input = inputOf(Number(flags.only), seed, corpus);
    console.log(`#${input.index}, of ${input.from.name}, ${input.bytes.length} bytes: ${input.steps.join(', ')}`);
    const findings = check(input);
    findings.forEach(report);
    return findings.length === 0 ? 0 : 1;
  }
  const [start, count] = [Number(flags.start), Number(flags.count)];
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-fuzz-'));
  const findings: Finding[] = [];
  const began = Date.now();
  try {
    for (let at = start; at < start + count;) {
      at = await runBlock(at, Math.min(at + BLOCK, start + count), join(dir, 'progress'), findings);
      console.error(
        `${at - start} of ${count}, ${findings.length} findings, ${Math.round((Date.now() - began) / 1000)} s`,
      );
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
  console.log(`${count} inputs of ${corpus.length} objects, seed ${seed}: ${findings.length} findings`);
  return findings.length === 0 ? 0 : 1;
}

process.exitCode = await main();
