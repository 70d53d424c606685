// SPDX-License-Identifier: MIT
// Rules about one file, and about the import graph of one package's files.
import { posix } from 'node:path';
import { isGenerated, type SourceFile, type Workspace, type WorkspacePackage } from './workspace.ts';
import type { LayerTable } from './table.ts';

const SPDX = /^(\/\/|\/\*|#) SPDX-License-Identifier: \S/;

export function checkFile(file: SourceFile, table: LayerTable): string[] {
  const errors: string[] = [];
  const first = file.firstLines[0]?.startsWith('#!') === true ? file.firstLines[1] : file.firstLines[0];
  if (!SPDX.test(first ?? '')) errors.push(`${file.path}:1: put the SPDX line first: // SPDX-License-Identifier: MIT`);
  if (file.lines > table.maxLines && !isGenerated(file.path))
    errors.push(
      `${file.path}: ${file.lines} lines; the limit is ${table.maxLines}. Cut it by subject into several files`,
    );
  if (/(^|\/)utils?\.[a-z]+$/.test(file.path))
    errors.push(`${file.path}: name the file after its subject, not "utils"`);
  return errors;
}

/** An island imports its own folder and what the table grants, nothing else (its tests may use test libraries). */
export function checkIslands(workspace: Workspace, table: LayerTable): string[] {
  const errors: string[] = [];
  const allFiles = workspace.packages.flatMap((pkg) => pkg.files);
  for (const island of table.islands) {
    for (const file of allFiles.filter((f) => f.path.startsWith(`${island.dir}/`))) {
      for (const ref of file.imports) {
        const relative = ref.specifier.startsWith('.');
        const inside = relative && posix.join(posix.dirname(file.path), ref.specifier).startsWith(`${island.dir}/`);
        const forTests = !relative && file.kind !== 'source';
        if (inside || forTests || island.mayImport.includes(ref.specifier)) continue;
        errors.push(
          `${file.path}:${ref.line}: ${island.dir} may import only itself and ${island.mayImport.join(', ')}, not ` +
            `${ref.specifier}; pass what it needs as an argument`,
        );
      }
    }
  }
  return errors;
}

/** Cycles of run-time imports between a package's files; one message per strongly connected group. */
export function checkCycles(pkg: WorkspacePackage): string[] {
  const known = new Set(pkg.files.map((f) => f.path));
  const edges = new Map<string, string[]>();
  for (const file of pkg.files) {
    const targets = file.imports
      .filter((ref) => !ref.typeOnly && ref.specifier.startsWith('.'))
      .map((ref) => posix.join(posix.dirname(file.path), ref.specifier))
      .filter((path) => known.has(path));
    edges.set(file.path, targets);
  }
  return stronglyConnected(edges).map((group) => {
    const cycle = shortestCycle(group, edges);
    return `${cycle[0]}: files import each other in a circle: ${cycle.join(' -> ')}; move what they share into a file of its own`;
  });
}

function stronglyConnected(edges: ReadonlyMap<string, string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const groups: string[][] = [];
  const visit = (node: string): void => {
    index.set(node, index.size);
    low.set(node, index.get(node)!);
    stack.push(node);
    for (const target of edges.get(node) ?? []) {
      if (!index.has(target)) visit(target);
      if (stack.includes(target)) low.set(node, Math.min(low.get(node)!, low.get(target)!));
    }
    if (low.get(node) !== index.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1 || edges.get(node)?.includes(node) === true) groups.push(group.sort());
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return groups.sort((a, b) => (a[0]! < b[0]! ? -1 : 1));
}

function shortestCycle(group: string[], edges: ReadonlyMap<string, string[]>): string[] {
  const inside = new Set(group);
  const start = group[0]!;
  const queue: string[][] = [[start]];
  const seen = new Set<string>();
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const target of edges.get(path.at(-1)!) ?? []) {
      if (target === start) return [...path, start];
      if (!inside.has(target) || seen.has(target)) continue;
      seen.add(target);
      queue.push([...path, target]);
    }
  }
  return [start];
}
