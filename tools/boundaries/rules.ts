// SPDX-License-Identifier: MIT
// All rules, in the order their findings are printed.
import { checkCycles, checkFile, checkIslands } from './files.ts';
import { checkImports, checkPackage, checkReach } from './packages.ts';
import { checkTable, type LayerTable } from './table.ts';
import type { Workspace } from './workspace.ts';

export interface CheckOptions {
  /** Also report dependencies and references that nothing imports. */
  unused: boolean;
}

/** Every breach, as `path[:line]: what to do`. Empty where all is well. */
export function checkWorkspace(workspace: Workspace, table: LayerTable, options: CheckOptions): string[] {
  const missing = Object.keys(table.packages).filter((dir) => !workspace.packages.some((p) => p.dir === dir));
  return [
    ...checkTable(table),
    ...missing.map((dir) => `layers.json: there is no packages/${dir}; remove its row`),
    ...workspace.packages.flatMap((pkg) => [
      ...checkPackage(pkg, workspace, table, options),
      ...checkImports(pkg, workspace, table),
      ...pkg.files.flatMap((file) => checkFile(file, table)),
      ...checkCycles(pkg),
    ]),
    ...checkIslands(workspace, table),
    ...checkReach(workspace, table),
    ...workspace.loose.flatMap((file) => checkFile(file, table)),
  ];
}
