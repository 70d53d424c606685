// SPDX-License-Identifier: MIT
// Rules about packages: who may import whom, and whether package.json and tsconfig.json say the same.
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { reachable, type LayerTable } from './table.ts';
import type { SourceFile, Workspace, WorkspacePackage } from './workspace.ts';

const BUILTINS = new Set(builtinModules);

export function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || BUILTINS.has(specifier.split('/')[0]!);
}

/** `@tsbpf/net/rows` → `{ name: '@tsbpf/net', subpath: './rows' }`. */
export function splitSpecifier(specifier: string): { name: string; subpath: string } {
  const parts = specifier.split('/');
  const count = specifier.startsWith('@') ? 2 : 1;
  const rest = parts.slice(count);
  return { name: parts.slice(0, count).join('/'), subpath: rest.length === 0 ? '.' : `./${rest.join('/')}` };
}

/** Names a package declares for run time. */
export function declared(pkg: WorkspacePackage): Set<string> {
  const { dependencies, optionalDependencies, peerDependencies } = pkg.manifest;
  return new Set([dependencies, optionalDependencies, peerDependencies].flatMap((d) => Object.keys(d ?? {})));
}

/** Names of other packages, of the workspace or not, that the sources import; by default only the published ones. */
export function imported(pkg: WorkspacePackage, options: { tests: boolean } = { tests: false }): Set<string> {
  const refs = pkg.files.filter((f) => options.tests || f.kind === 'source').flatMap((f) => f.imports);
  const bare = refs.map((r) => r.specifier).filter((s) => !s.startsWith('.') && !isBuiltin(s));
  return new Set(bare.map((s) => splitSpecifier(s).name));
}

export function checkImports(pkg: WorkspacePackage, workspace: Workspace, table: LayerTable): string[] {
  return pkg.files.flatMap((file) =>
    file.imports.flatMap((ref) => {
      const problem = judge(ref.specifier, file, pkg, workspace, table);
      return problem === undefined ? [] : [`${file.path}:${ref.line}: ${problem}`];
    }),
  );
}

function judge(
  specifier: string,
  file: SourceFile,
  pkg: WorkspacePackage,
  workspace: Workspace,
  table: LayerTable,
): string | undefined {
  const row = table.packages[pkg.dir];
  if (row === undefined) return undefined; // checkPackage says so
  const inSource = file.kind === 'source';
  if (specifier.startsWith('.')) return judgeRelative(specifier, file, pkg);
  if (isBuiltin(specifier)) {
    if (!inSource || row.node === true) return undefined;
    return `${pkg.dir} must run in browsers: no ${specifier}. Take the bytes or the clock as an argument`;
  }
  const { name, subpath } = splitSpecifier(specifier);
  const target = workspace.packages.find((p) => p.manifest.name === name);
  if (target === undefined) return judgeThirdParty(name, file, pkg, table);
  if (!(subpath in (target.manifest.exports ?? {})) || target.manifest.exports?.[subpath] === null)
    return `${specifier} is not an entry point of ${name}; import what its index exports`;
  if (target === pkg) return inSource ? `import your own files by relative path, not as ${specifier}` : undefined;
  if (row.mayImport.includes(target.dir)) {
    if (declared(pkg).has(name) || (!inSource && name in (pkg.manifest.devDependencies ?? {}))) return undefined;
    const field = inSource ? 'dependencies' : 'devDependencies';
    return `add "${name}": "workspace:^" to ${field} of packages/${pkg.dir}/package.json`;
  }
  const extra =
    file.kind === 'root-test' ? [...table.tests.packages, ...table.tests.rootOnlyPackages] : table.tests.packages;
  if (!inSource && extra.includes(target.dir)) return undefined;
  return (
    `${pkg.dir} (L${row.layer}) may not import ${name} (L${table.packages[target.dir]?.layer ?? '?'}); ` +
    `it may import ${row.mayImport.join(', ') || 'nothing'}. Meet in an interface of core, or receive it as an argument`
  );
}

function judgeRelative(specifier: string, file: SourceFile, pkg: WorkspacePackage): string | undefined {
  const path = posix.join(posix.dirname(file.path), specifier);
  if (!path.startsWith(`packages/${pkg.dir}/`)) {
    // Tests, examples and benchmarks may read shared data and tools, but never another package's inside.
    if (file.kind !== 'source' && !path.startsWith('packages/')) return undefined;
    return `${specifier} leaves the package; import the other package by its name`;
  }
  if (!/\.[a-z]+$/.test(specifier)) return `write the file's ending: ${specifier}.ts`;
  if (/\.js$/.test(specifier)) return `relative imports end in .ts: ${specifier.replace(/js$/, 'ts')}`;
  const inSrc = path.startsWith(`packages/${pkg.dir}/src/`) || path === `packages/${pkg.dir}/package.json`;
  if (file.kind === 'source' && !inSrc) return `${specifier} is outside src and would not be published`;
  if (file.kind === 'source' && /\.(test|bench)\.ts$/.test(path))
    return `a source must not import a test: ${specifier}`;
  return undefined;
}

function judgeThirdParty(name: string, file: SourceFile, pkg: WorkspacePackage, table: LayerTable): string | undefined {
  const row = table.packages[pkg.dir]!;
  const own = row.thirdParty ?? [];
  if (own.includes(name)) {
    return declared(pkg).has(name) ? undefined : `declare ${name} in packages/${pkg.dir}/package.json`;
  }
  if (file.kind !== 'source' && table.tests.thirdParty.includes(name)) return undefined;
  if (file.kind !== 'source') return `tests may import ${table.tests.thirdParty.join(', ')}, not ${name}`;
  return `${pkg.dir} (L${row.layer}) may not depend on ${name}; ${own.length > 0 ? `only on ${own.join(', ')}` : 'it has no third-party dependency'}`;
}

/** package.json and tsconfig.json against the table, and against what is imported. */
export function checkPackage(
  pkg: WorkspacePackage,
  workspace: Workspace,
  table: LayerTable,
  options: { unused: boolean },
): string[] {
  const at = `packages/${pkg.dir}/package.json`;
  const row = table.packages[pkg.dir];
  if (row === undefined) return [`${at}: packages/${pkg.dir} is not in tools/boundaries/layers.json; give it a layer`];
  const errors: string[] = [];
  const dirOf = new Map(workspace.packages.map((p) => [p.manifest.name, p.dir]));
  const uses = imported(pkg);
  const idle: string[] = [];
  for (const name of [...declared(pkg), ...Object.keys(pkg.manifest.devDependencies ?? {})]) {
    const dir = dirOf.get(name);
    const dev = !declared(pkg).has(name);
    const allowed = dir === undefined ? dev || (row.thirdParty ?? []).includes(name) : row.mayImport.includes(dir);
    if (!allowed) errors.push(`${at}: remove the dependency ${name}; layers.json does not grant it to ${pkg.dir}`);
    else if (dev ? !imported(pkg, { tests: true }).has(name) : !uses.has(name)) idle.push(name);
  }
  const tsconfig = `packages/${pkg.dir}/tsconfig.json`;
  const refs = new Set(pkg.references);
  for (const ref of refs) {
    const name = workspace.packages.find((p) => p.dir === ref)?.manifest.name ?? '';
    if (!row.mayImport.includes(ref))
      errors.push(`${tsconfig}: remove the reference to ../${ref}; layers.json does not grant it`);
    else if (!uses.has(name)) idle.push(`../${ref}`);
  }
  if (options.unused && idle.length > 0)
    errors.push(`${at}: declared, but no source imports it: ${idle.join(', ')}; run \`pnpm boundaries --prune\``);
  for (const name of uses) {
    const dir = dirOf.get(name);
    if (dir !== undefined && row.mayImport.includes(dir) && !refs.has(dir))
      errors.push(`${tsconfig}: add { "path": "../${dir}" } to references`);
  }
  return errors;
}

/** Reach over what is declared and what is imported, since either brings a package into an installation. */
export function checkReach(workspace: Workspace, table: LayerTable): string[] {
  const byName = new Map(workspace.packages.map((p) => [p.manifest.name, p.dir]));
  const byDir = new Map(workspace.packages.map((p) => [p.dir, p]));
  const next = (dir: string): string[] => {
    const pkg = byDir.get(dir);
    if (pkg === undefined) return [];
    return [...declared(pkg), ...imported(pkg)].flatMap((name) => byName.get(name) ?? []).filter((d) => d !== dir);
  };
  return table.neverReach.flatMap((rule) =>
    [...reachable(rule.from, next)].flatMap(([dir, path]) => {
      const layer = table.packages[dir]?.layer ?? -1;
      if (!rule.packages.includes(dir) && !rule.layers.includes(layer)) return [];
      return [`packages/${rule.from}: must never reach ${dir}, but does: ${path.join(' -> ')}`];
    }),
  );
}
