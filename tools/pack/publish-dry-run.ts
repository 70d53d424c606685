// SPDX-License-Identifier: MIT
// `pnpm release:dry`: what a release would do, without doing it. Needs a build.
import { join } from 'node:path';
import { publishablePackages, repoRoot } from '../workspace.ts';
import { pnpm, run } from './run.ts';

const changeset = join(repoRoot, 'node_modules/@changesets/cli/bin.js');
const failed: string[] = [];

/** changesets compare with `main`; a detached or shallow clone may not have it, and then HEAD has to do. */
async function baseRef(): Promise<string | undefined> {
  for (const ref of ['main', 'origin/main', 'HEAD']) {
    const ran = await run('git', ['merge-base', ref, 'HEAD'], { cwd: repoRoot });
    if (ran.status === 0) return ref;
  }
  return undefined;
}

const base = await baseRef();
if (base === undefined) console.log('changeset status: skipped, this is not a git checkout');
else {
  const ran = await run(process.execPath, [changeset, 'status', ...(base === 'main' ? [] : [`--since=${base}`])], {
    cwd: repoRoot,
  });
  console.log(ran.output.trim());
  if (ran.status !== 0) failed.push('changeset status');
}

// --force: do not ask the registry which versions it has. --dry-run then packs and validates without sending anything.
const args = [
  'publish',
  '-r',
  '--dry-run',
  '--no-git-checks',
  '--force',
  '--access',
  'public',
  '--report-summary=false',
];
const published = await pnpm(args, { cwd: repoRoot, timeoutMs: 300_000 });
const lines = published.output.split('\n');
const names = lines.filter((line) => line.startsWith('+ '));
// npm repairs a manifest on the way and only warns: what it would have to repair is ours to fix.
const complaints = lines.filter((line) =>
  /ERR_PNPM|^npm error|^npm warn (package-json|publish (errors|"))/i.test(line),
);
console.log([...names, ...new Set(complaints)].join('\n'));
if (published.status !== 0) console.log(published.output.trim());
if (published.status !== 0 || complaints.length > 0) failed.push('pnpm publish --dry-run');
const expected = publishablePackages().length;
if (names.length !== expected) failed.push(`${names.length} of ${expected} packages would be published`);

console.log(failed.length === 0 ? 'release:dry: fine' : `release:dry: failed: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
