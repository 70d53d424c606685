// SPDX-License-Identifier: MIT
// `pnpm pack:check [--strict] [package ...]`: what npm would publish, judged as a user gets it: publint, types,
// installation in an empty project, the README's example. One line per package. A package that exports nothing is
// skipped, or with --strict (the default in CI) a failure. Needs a build.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isEmpty, publishablePackages } from '../workspace.ts';
import { mapLimit } from './run.ts';
import { checkExample, checkPublint, checkTypes, pack, type Packed } from './steps.ts';

const flags = process.argv.slice(2);
const strict = flags.includes('--strict') || (process.env['CI'] !== undefined && !flags.includes('--no-strict'));
const wanted = flags.filter((flag) => !flag.startsWith('-'));
const all = publishablePackages();
const width = Math.max(2, Math.min(4, availableParallelism()));
const temp = mkdtempSync(join(tmpdir(), 'tsbpf-pack-'));
let failures = 0;

function report(name: string, word: 'ok' | 'skipped' | 'FAILED', started: number, why: string[] = []): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${word.padEnd(7)} ${name} (${seconds} s)${why.length === 0 ? '' : `: ${why.join('\n        ')}`}`);
  if (word === 'FAILED') failures++;
}

async function judge(packed: Packed, tarballs: readonly Packed[]): Promise<void> {
  const { pkg } = packed;
  const started = performance.now();
  if (isEmpty(pkg)) return report(pkg.json.name, strict ? 'FAILED' : 'skipped', started, ['its index exports nothing']);
  const project = join(temp, 'projects', pkg.dir);
  const steps = [() => checkPublint(packed), () => checkTypes(packed), () => checkExample(packed, tarballs, project)];
  const results: (string | undefined)[] = [];
  for (const step of steps) results.push(await step().catch((error: unknown) => String(error)));
  rmSync(project, { recursive: true, force: true });
  const why = results.filter((result) => result !== undefined).map((text) => text.trim());
  report(pkg.json.name, why.length === 0 ? 'ok' : 'FAILED', started, why);
}

try {
  const unbuilt = all.filter((pkg) => !existsSync(join(pkg.path, 'dist/index.js'))).map((pkg) => pkg.dir);
  if (unbuilt.length > 0) {
    console.error(`pack: not built: ${unbuilt.join(', ')}; run \`pnpm build\` first`);
    failures++;
  } else {
    const dir = join(temp, 'tarballs');
    mkdirSync(dir);
    const packed = await mapLimit(all, width, (pkg) => pack(pkg, dir));
    packed.forEach((result, i) => {
      if (typeof result === 'string') report(all[i]!.json.name, 'FAILED', performance.now(), [result]);
    });
    const tarballs = packed.filter((result) => typeof result !== 'string');
    const chosen = tarballs.filter(({ pkg }) => wanted.length === 0 || wanted.includes(pkg.dir));
    await mapLimit(chosen, width, (one) => judge(one, tarballs));
  }
} finally {
  rmSync(temp, { recursive: true, force: true });
}
console.log(`pack: ${all.length} packages, ${failures} failure(s)`);
process.exitCode = failures > 0 ? 1 : 0;
