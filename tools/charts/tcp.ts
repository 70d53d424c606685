// SPDX-License-Identifier: MIT
// The charts of examples/tcp-congestion/README.md, as `tsbpf tcp run` draws them. `--check` compares instead of writing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repoRoot } from '../workspace.ts';

const EXAMPLE = join(repoRoot, 'examples/tcp-congestion');
const CHARTS = join(EXAMPLE, 'charts');

/** What is run, and which of its charts are kept under which name. */
const RUNS: readonly { readonly args: readonly string[]; readonly keep: Readonly<Record<string, string>> }[] = [
  {
    args: ['reno.bpf.o', '--link', '100mbit,20ms', '--duration', '60s'],
    keep: { 'cwnd.svg': 'reno-cwnd.svg' },
  },
  {
    args: ['cubic.bpf.o', '--link', '100mbit,20ms', '--duration', '60s'],
    keep: { 'cwnd.svg': 'cubic-cwnd.svg', 'queue.svg': 'cubic-queue.svg' },
  },
  {
    args: ['dctcp.bpf.o', '--link', '100mbit,20ms', '--mark', '65', '--duration', '60s'],
    keep: { 'cwnd.svg': 'dctcp-cwnd.svg', 'queue.svg': 'dctcp-queue.svg' },
  },
  {
    args: ['cubic.bpf.o', '--cc', 'bpf_cubic,reno', '--flows', '2', '--link', '50mbit,20ms', '--duration', '60s'],
    keep: { 'throughput.svg': 'cubic-reno-throughput.svg' },
  },
];

const tsx = join(repoRoot, 'node_modules/tsx/dist/cli.mjs');
const check = process.argv.includes('--check');
const work = mkdtempSync(join(tmpdir(), 'tsbpf-charts-'));
let stale = 0;
try {
  for (const [i, { args, keep }] of RUNS.entries()) {
    const out = join(work, String(i));
    const main = join(repoRoot, 'packages/cli/src/main.ts');
    const words = [tsx, '--conditions=@tsbpf/source', main, 'tcp', 'run', ...args, '--out', out];
    const ran = spawnSync(process.execPath, words, { cwd: EXAMPLE, encoding: 'utf8' });
    if (ran.status !== 0) {
      console.error(`tsbpf tcp run ${args.join(' ')} failed:\n${ran.stderr}`);
      process.exit(1);
    }
    if (!check) mkdirSync(CHARTS, { recursive: true });
    for (const [drawn, name] of Object.entries(keep)) {
      const svg = readFileSync(join(out, drawn), 'utf8');
      const path = join(CHARTS, name);
      if (existsSync(path) && readFileSync(path, 'utf8') === svg) continue;
      stale++;
      if (check) console.error(`examples/tcp-congestion/charts/${name} is not what tsbpf draws: pnpm charts`);
      else writeFileSync(path, svg);
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(check ? `charts: ${stale} stale` : `charts: ${stale} written`);
process.exitCode = check && stale > 0 ? 1 : 0;
