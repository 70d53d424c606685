// SPDX-License-Identifier: MIT
// `pnpm boundaries [--unused] [--prune]`: the layers, from the one table beside this file.
import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';
import { prune } from './prune.ts';
import { checkWorkspace } from './rules.ts';
import { readTable } from './table.ts';
import { readWorkspace } from './workspace.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = resolve(here, '../..');
const args = process.argv.slice(2);

if (args.includes('--prune')) {
  const changed = prune(root, readWorkspace(root));
  for (const line of changed) console.log(line);
  if (changed.length > 0) console.log('now run: pnpm install');
}
const workspace = readWorkspace(root);
const errors = checkWorkspace(workspace, readTable(resolve(here, 'layers.json')), {
  unused: args.includes('--unused'),
});
for (const error of errors) console.error(error);
const files = workspace.packages.reduce((sum, pkg) => sum + pkg.files.length, workspace.loose.length);
console.log(`boundaries: ${workspace.packages.length} packages, ${files} files, ${errors.length} problem(s)`);
process.exitCode = errors.length > 0 ? 1 : 0;
