// SPDX-License-Identifier: MIT
// The workspace as the rules see it: plain data, so that tests can make one up.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import { parseImports, type ImportRef } from './imports.ts';

/** `source` is published; `test` is everything that only development runs. */
export type FileKind = 'source' | 'test' | 'root-test';

export interface SourceFile {
  /** Below the repository root, with forward slashes. */
  path: string;
  kind: FileKind;
  lines: number;
  firstLines: string[];
  imports: ImportRef[];
}

export interface Manifest {
  name: string;
  private?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  exports?: Record<string, unknown>;
}

export interface WorkspacePackage {
  /** Folder below `packages/`, the name used in the table. */
  dir: string;
  manifest: Manifest;
  /** Folder names of the tsconfig's project references. */
  references: string[];
  files: SourceFile[];
}

export interface Workspace {
  packages: WorkspacePackage[];
  /** Sources outside packages (tools, examples, benchmarks, configuration), for the rules that hold everywhere. */
  loose: SourceFile[];
}

const SOURCE = /\.(ts|mts|tsx|js|mjs)$/;
const LOOSE = /\.(ts|mts|tsx|js|mjs|c|h|sh)$/;
const SKIP_DIRS = new Set(['node_modules', 'dist', 'coverage', 'fixtures', 'golden', '.git', '.turbo']);

export function kindOf(path: string): FileKind {
  if (/\.root\.test\.[mc]?tsx?$/.test(path)) return 'root-test';
  if (/\.(test|bench)\.[mc]?tsx?$/.test(path)) return 'test';
  return /^packages\/[^/]+\/src\//.test(path) ? 'source' : 'test';
}

export function isGenerated(path: string): boolean {
  return /(^|\/)generated\//.test(path) || /\.generated\.[a-z]+$/.test(path);
}

export function sourceFile(path: string, text: string): SourceFile {
  const lines = text.split('\n');
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  const imports = SOURCE.test(path) ? parseImports(path, text) : [];
  return { path, kind: kindOf(path), lines: count, firstLines: lines.slice(0, 2), imports };
}

export function readWorkspace(root: string): Workspace {
  const read = (path: string): SourceFile => sourceFile(path, readFileSync(join(root, path), 'utf8'));
  const packages = readdirSync(join(root, 'packages'))
    .filter((dir) => existsSync(join(root, 'packages', dir, 'package.json')))
    .sort()
    .map((dir) => {
      const base = join(root, 'packages', dir);
      return {
        dir,
        manifest: JSON.parse(readFileSync(join(base, 'package.json'), 'utf8')) as Manifest,
        references: readReferences(join(base, 'tsconfig.json')),
        files: ['src', 'examples', 'bench'].flatMap((sub) => listFiles(root, join(base, sub), SOURCE)).map(read),
      };
    });
  const loose = ['tools', 'examples', 'bench'].flatMap((sub) => listFiles(root, join(root, sub), LOOSE));
  const config = readdirSync(root).filter((name) => SOURCE.test(name));
  return { packages, loose: [...loose, ...config].map(read) };
}

function readReferences(path: string): string[] {
  if (!existsSync(path)) return [];
  const { config } = ts.readConfigFile(path, (p) => readFileSync(p, 'utf8')) as {
    config?: { references?: { path: string }[] };
  };
  return (config?.references ?? []).map((r) => r.path.replace(/^\.\.\//, '').replace(/\/$/, ''));
}

function listFiles(root: string, dir: string, pattern: RegExp): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) return SKIP_DIRS.has(entry.name) ? [] : listFiles(root, path, pattern);
      return pattern.test(entry.name) && !entry.name.endsWith('.d.ts')
        ? [relative(root, path).split(sep).join('/')]
        : [];
    });
}
