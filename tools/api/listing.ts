// SPDX-License-Identifier: MIT
// `pnpm api` compares each package's public exports with the committed `api/<package>.txt`; `pnpm api:bless` rewrites
// those. Both need a build.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publishablePackages, repoRoot } from '../workspace.ts';
import { describePackages } from './describe.ts';
import { lineDiff } from './line-diff.ts';

const bless = process.argv.includes('--bless');
const dir = join(repoRoot, 'api');
const packages = publishablePackages();
const unbuilt = packages.filter((pkg) => !existsSync(join(pkg.path, 'dist/index.d.ts'))).map((pkg) => pkg.dir);
const stale: string[] = [];

if (unbuilt.length > 0) {
  console.error(`api: not built: ${unbuilt.join(', ')}; run \`pnpm build\` first`);
  process.exitCode = 1;
} else {
  mkdirSync(dir, { recursive: true });
  const listings = describePackages(packages);
  for (const [name, text] of listings) {
    const path = join(dir, `${name}.txt`);
    const old = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (old === text) continue;
    stale.push(name);
    if (bless) writeFileSync(path, text);
    else console.error(`--- api/${name}.txt\n+++ packages/${name}\n${lineDiff(old, text).join('\n')}`);
  }
  for (const file of readdirSync(dir).filter((f) => f.endsWith('.txt') && !listings.has(f.slice(0, -4)))) {
    stale.push(file);
    if (bless) rmSync(join(dir, file));
    else console.error(`api/${file}: there is no such published package`);
  }
  if (bless) console.log(`api: ${stale.length === 0 ? 'nothing changed' : `rewrote ${stale.join(', ')}`}`);
  else if (stale.length > 0) {
    console.error(`api: the exports of ${stale.join(', ')} changed; if that is meant, run \`pnpm api:bless\` and add a changeset`);
    process.exitCode = 1;
  } else console.log(`api: ${packages.length} listings up to date`);
}
