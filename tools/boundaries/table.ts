// SPDX-License-Identifier: MIT
// The table of layers, and what it says about itself.
import { readFileSync } from 'node:fs';

/** One row of `layers.json`. Packages go by their folder name. */
export interface LayerRow {
  layer: number;
  /** Workspace packages whose public entry points this package's sources may import. */
  mayImport: string[];
  /** npm packages it may depend on at run time. Only layers 5 and up may have any. */
  thirdParty?: string[];
  /** Whether its sources may import Node built-ins. */
  node?: boolean;
}

/** A folder that must stay ignorant of its own package. */
export interface Island {
  dir: string;
  /** Module specifiers its sources may import besides files of the folder itself. */
  mayImport: string[];
}

/** `from` must not reach any of these, however many packages lie between. */
export interface NeverReach {
  from: string;
  packages: string[];
  layers: number[];
}

export interface LayerTable {
  packages: Record<string, LayerRow>;
  /** What tests, examples and benchmarks may import on top of what their package may. */
  tests: { packages: string[]; rootOnlyPackages: string[]; thirdParty: string[] };
  islands: Island[];
  neverReach: NeverReach[];
  maxLines: number;
}

/** Highest layer that may not have a third-party run-time dependency. */
const LAST_PURE_LAYER = 4;
/** Packages of this layer meet only in the layer below. */
const PEERLESS_LAYER = 3;

const SECTIONS = ['packages', 'tests', 'islands', 'neverReach', 'maxLines'] as const;

/** Reads the table; a section that is missing would silently switch rules off, so that is an error. */
export function readTable(path: string): LayerTable {
  const table = JSON.parse(readFileSync(path, 'utf8')) as LayerTable;
  const missing = SECTIONS.filter((section) => table[section] === undefined);
  if (missing.length > 0)
    throw new Error(`${path} lacks ${missing.join(', ')}; LayerTable in table.ts says what they are`);
  return table;
}

/** Contradictions inside the table: unknown names, imports that go up, peers of layer 3, cycles. */
export function checkTable(table: LayerTable): string[] {
  const errors: string[] = [];
  for (const [name, row] of Object.entries(table.packages)) {
    for (const target of row.mayImport) {
      const other = table.packages[target];
      if (other === undefined) errors.push(`layers.json: ${name} may import ${target}, which is not in the table`);
      else if (other.layer > row.layer)
        errors.push(`layers.json: ${name} (L${row.layer}) may not import up, from ${target} (L${other.layer})`);
      else if (other.layer === row.layer && row.layer === PEERLESS_LAYER)
        errors.push(`layers.json: ${name} and ${target} are both L${PEERLESS_LAYER}; they must meet in core`);
    }
    if (row.layer <= LAST_PURE_LAYER && (row.thirdParty ?? []).length > 0)
      errors.push(
        `layers.json: ${name} is L${row.layer}; layers 0 to ${LAST_PURE_LAYER} have no third-party dependency`,
      );
  }
  for (const name of Object.keys(table.packages)) {
    if (reachable(name, (n) => table.packages[n]?.mayImport ?? []).has(name))
      errors.push(`layers.json: ${name} may import itself through others; imports must not go round`);
  }
  return errors;
}

/** Everything reachable from `start` by one step or more; contains `start` only if it lies on a cycle. */
export function reachable(start: string, next: (name: string) => Iterable<string>): Map<string, string[]> {
  const paths = new Map<string, string[]>();
  const queue: { name: string; path: string[] }[] = [{ name: start, path: [start] }];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
    for (const target of next(item.name)) {
      if (paths.has(target)) continue;
      const path = [...item.path, target];
      paths.set(target, path);
      queue.push({ name: target, path });
    }
  }
  return paths;
}
