// SPDX-License-Identifier: MIT
// Removes declared dependencies and project references that no source imports; what only tests import becomes a
// development dependency.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imported } from './packages.ts';
import type { Workspace } from './workspace.ts';

interface Config {
  references?: { path: string }[];
}

/** Rewrites package.json and tsconfig.json of each package; returns what it changed. The lockfile is then stale. */
export function prune(root: string, workspace: Workspace): string[] {
  const changed: string[] = [];
  const nameOf = new Map(workspace.packages.map((p) => [p.dir, p.manifest.name]));
  for (const pkg of workspace.packages) {
    const uses = imported(pkg);
    const inTests = imported(pkg, { tests: true });
    edit(join(root, 'packages', pkg.dir, 'package.json'), (json: Record<string, unknown>) => {
      const dev = { ...(json['devDependencies'] as Record<string, string> | undefined) };
      for (const field of ['dependencies', 'optionalDependencies']) {
        const deps = json[field] as Record<string, string> | undefined;
        if (deps === undefined) continue;
        for (const name of Object.keys(deps).filter((n) => !uses.has(n))) {
          if (inTests.has(name)) dev[name] = deps[name]!;
          delete deps[name];
          changed.push(`${pkg.dir}: ${name} ${inTests.has(name) ? 'is for tests only' : 'removed'}`);
        }
        if (Object.keys(deps).length === 0) delete json[field];
      }
      for (const name of Object.keys(dev).filter((n) => !inTests.has(n))) {
        delete dev[name];
        changed.push(`${pkg.dir}: ${name} removed`);
      }
      if (Object.keys(dev).length > 0) json['devDependencies'] = dev;
      else delete json['devDependencies'];
    });
    edit(join(root, 'packages', pkg.dir, 'tsconfig.json'), (json: Config) => {
      json.references = json.references?.filter((r) => uses.has(nameOf.get(r.path.replace(/^\.\.\//, '')) ?? ''));
    });
  }
  return changed;
}

function edit<T>(path: string, change: (json: T) => void): void {
  const old = readFileSync(path, 'utf8');
  const json = JSON.parse(old) as T;
  change(json);
  const text = `${JSON.stringify(json, null, 2)}\n`;
  if (text.trim() !== old.trim()) writeFileSync(path, text);
}
