// SPDX-License-Identifier: MIT
// Parsing a kernel's BTF and the first lookup by name, beside libbpf (which bpftool is made of) doing the same: cold
// processes in turns, medians of the time that their main threads ran.
//   tsx bench/btf/run.ts [--file /sys/kernel/btf/vmlinux] [--name task_struct] [--runs 21]
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

interface Sample {
  readonly parseMs: number;
  readonly lookupMs: number;
  readonly id: number;
  readonly peakKiB: number;
  readonly heldKiB?: number;
}

const { values: flags } = parseArgs({
  options: {
    file: { type: 'string', default: '/sys/kernel/btf/vmlinux' },
    name: { type: 'string', multiple: true, default: ['task_struct', 'xfrm_state'] },
    runs: { type: 'string', default: '21' },
  },
});
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function sample(command: string, args: readonly string[]): Sample {
  return JSON.parse(execFileSync(command, args, { encoding: 'utf8' })) as Sample;
}

/** The bench as one plain file: a loader of TypeScript would warm up what is measured. */
function bundle(dir: string): string {
  const out = join(dir, 'ours.mjs');
  const esbuild = here('../../node_modules/.bin/esbuild');
  const flagsOf = ['--bundle', '--platform=node', '--format=esm', '--conditions=@tsbpf/source', `--outfile=${out}`];
  execFileSync(esbuild, [here('./ours.ts'), ...flagsOf, '--log-level=error']);
  return out;
}

function main(): number {
  if (!existsSync(flags.file)) {
    console.error(`${flags.file}: no such file; name one with --file`);
    return 2;
  }
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-bench-btf-'));
  try {
    const theirs = join(dir, 'libbpf');
    const compiled = spawnSync('cc', ['-O2', here('./libbpf.c'), '-o', theirs, '-lbpf'], { encoding: 'utf8' });
    if (compiled.status !== 0) {
      console.error(`needs a C compiler and libbpf-dev: ${compiled.stderr}`);
      return 2;
    }
    const ours = bundle(dir);
    const size = statSync(flags.file).size;
    console.log(
      `${flags.file}, ${size} bytes; ${flags.runs} cold processes each, in turns; medians, and the best of each`,
    );
    for (const name of flags.name) {
      const [mine, other]: [Sample[], Sample[]] = [[], []];
      for (let i = 0; i < Number(flags.runs); i++) {
        other.push(sample(theirs, [flags.file, name]));
        mine.push(sample(process.execPath, ['--expose-gc', ours, flags.file, name]));
      }
      const total = (samples: readonly Sample[]): number => median(samples.map((s) => s.parseMs + s.lookupMs));
      const best = (samples: readonly Sample[]): number => Math.min(...samples.map((s) => s.parseMs + s.lookupMs));
      const [a, b] = [total(mine), total(other)];
      const peak = median(mine.map((s) => s.peakKiB));
      const held = median(mine.map((s) => s.heldKiB ?? 0));
      console.log(
        [
          `${name}: parse and lookup ${a.toFixed(2)} ms (lookup ${median(mine.map((s) => s.lookupMs)).toFixed(2)})`,
          `libbpf ${b.toFixed(2)} ms (lookup ${median(other.map((s) => s.lookupMs)).toFixed(2)})`,
          `${(a / b).toFixed(2)} times; best ${best(mine).toFixed(2)} and ${best(other).toFixed(2)} ms, ${(best(mine) / best(other)).toFixed(2)} times`,
          `peak ${((peak * 1024) / size).toFixed(2)} times the file, kept ${((held * 1024) / size).toFixed(2)}`,
          `libbpf's peak ${((median(other.map((s) => s.peakKiB)) * 1024) / size).toFixed(2)}`,
        ].join('; '),
      );
    }
    return 0;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

process.exitCode = main();
