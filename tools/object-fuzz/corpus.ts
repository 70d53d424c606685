// SPDX-License-Identifier: MIT
// Objects that are sound, of several compilers: what mutants are made of.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../workspace.ts';

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const FOLDERS = [
  'packages/loader/test/fixtures',
  'packages/loader/test/linker',
  'examples/xdp-firewall',
  'examples/tail-call-parser',
  'examples/tc-policer',
  'examples/socket-filter',
];

/** Larger ones take longer, and say nothing that smaller ones do not. */
const MAX_BYTES = 64 * 1024;

function objectsIn(folder: string): Seed[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.o$/.test(name))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).size <= MAX_BYTES)
    .map((path) => ({ name: path.slice(path.lastIndexOf('/') + 1), bytes: new Uint8Array(readFileSync(path)) }));
}

/** The committed objects of clang 14, 16 and 19, linked ones and the examples; and those of further folders. */
export function readCorpus(more: readonly string[] = []): Seed[] {
  return [...FOLDERS.map((folder) => join(repoRoot, folder)), ...more].flatMap(objectsIn);
}
