// SPDX-License-Identifier: MIT
// Runs every `examples/*.ts` of every package from its sources; each must end with 0.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../workspace.ts';

const tsx = join(repoRoot, 'node_modules/tsx/dist/cli.mjs');
const examples = readdirSync(join(repoRoot, 'packages')).flatMap((dir) => {
  const path = join('packages', dir, 'examples');
  if (!existsSync(join(repoRoot, path))) return [];
  return readdirSync(join(repoRoot, path))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(path, name));
});
let failed = 0;
for (const example of examples) {
  const started = performance.now();
  const ran = spawnSync(process.execPath, [tsx, '--conditions=@tsbpf/source', example], {
    cwd: repoRoot,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  console.log(
    `${ran.status === 0 ? 'ok    ' : 'FAILED'} ${example} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
  );
  if (ran.status === 0) continue;
  failed++;
  console.error(`${ran.stdout}${ran.stderr}${ran.error?.message ?? ''}`);
}
console.log(`examples: ${examples.length} run, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
