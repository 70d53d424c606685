// SPDX-License-Identifier: MIT
// What the tools need to know of the workspace's packages.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repoRoot = resolve(fileURLToPath(new URL('.', import.meta.url)), '..');

export interface PackageJson {
  name: string;
  version: string;
  private?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  exports?: Record<string, null | string | { types?: string; default?: string }>;
}

export interface PackageInfo {
  /** Folder below `packages/`. */
  dir: string;
  path: string;
  json: PackageJson;
}

/** Every package that is published, sorted by folder. */
export function publishablePackages(root: string = repoRoot): PackageInfo[] {
  return readdirSync(join(root, 'packages'))
    .sort()
    .map((dir) => ({ dir, path: join(root, 'packages', dir) }))
    .filter(({ path }) => existsSync(join(path, 'package.json')))
    .map((info) => ({
      ...info,
      json: JSON.parse(readFileSync(join(info.path, 'package.json'), 'utf8')) as PackageJson,
    }))
    .filter((info) => info.json.private !== true);
}

/** The workspace packages an installation of `pkg` brings, itself included, dependencies first. */
export function closure(pkg: PackageInfo, all: readonly PackageInfo[]): PackageInfo[] {
  const found: PackageInfo[] = [];
  const visit = (info: PackageInfo): void => {
    if (found.includes(info)) return;
    for (const name of Object.keys({ ...info.json.dependencies, ...info.json.optionalDependencies })) {
      const next = all.find((other) => other.json.name === name);
      if (next !== undefined && next !== info) visit(next);
    }
    if (!found.includes(info)) found.push(info);
  };
  visit(pkg);
  return found;
}

/** Whether the index exports nothing yet. */
export function isEmpty(pkg: PackageInfo): boolean {
  const index = join(pkg.path, 'src/index.ts');
  if (!existsSync(index)) return true;
  const code = readFileSync(index, 'utf8').replace(/\/\/.*$/gm, '');
  return /^\s*(export \{\};?)?\s*$/.test(code);
}
