// SPDX-License-Identifier: MIT
// What a packed package must pass. Each step returns its complaint, or undefined.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { closure, repoRoot, type PackageInfo } from '../workspace.ts';
import { firstTsBlock, toJavaScript } from './readme.ts';
import { pnpm, run } from './run.ts';

export interface Packed {
  pkg: PackageInfo;
  /** Path of the tarball. */
  tarball: string;
}

export async function pack(pkg: PackageInfo, dir: string): Promise<Packed | string> {
  const ran = await pnpm(['pack', '--json', '--pack-destination', dir], { cwd: pkg.path });
  if (ran.status !== 0) return `pnpm pack failed: ${ran.output}`;
  const { filename } = JSON.parse(ran.stdout.slice(ran.stdout.indexOf('{'))) as { filename: string };
  return { pkg, tarball: filename.startsWith('/') ? filename : join(dir, filename) };
}

export async function checkPublint({ pkg, tarball }: Packed): Promise<string | undefined> {
  const file = readFileSync(tarball);
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
  const { messages } = await publint({ strict: true, pack: { tarball: bytes as ArrayBuffer } });
  const found = messages.map((m) => formatMessage(m, pkg.json) ?? m.code);
  return found.length === 0 ? undefined : `publint: ${found.join('; ')}`;
}

export async function checkTypes({ tarball }: Packed): Promise<string | undefined> {
  const attw = join(repoRoot, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const args = [
    attw,
    tarball,
    '--profile',
    'esm-only',
    '--format',
    'ascii',
    '--no-color',
    '--no-emoji',
    '--no-definitely-typed',
  ];
  const ran = await run(process.execPath, args, { cwd: repoRoot });
  return ran.status === 0 ? undefined : `attw: ${ran.output}`;
}

/** Installs the package and all it needs of the workspace, from tarballs, in an empty project; then runs its example. */
export async function checkExample(packed: Packed, all: readonly Packed[], dir: string): Promise<string | undefined> {
  const { pkg } = packed;
  const needed = closure(
    pkg,
    all.map((p) => p.pkg),
  ).map((info) => all.find((p) => p.pkg === info)!);
  mkdirSync(dir, { recursive: true });
  const files = Object.fromEntries(needed.map((p) => [p.pkg.json.name, `file:${p.tarball}`]));
  const project = { name: 'empty-project', version: '1.0.0', private: true, type: 'module', dependencies: files };
  writeFileSync(join(dir, 'package.json'), JSON.stringify(project, null, 2));
  const options = [
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
    '--ignore-scripts',
    '--loglevel=error',
  ];
  const installed = await run('npm', ['install', ...options], { cwd: dir, env: cleanEnv() });
  if (installed.status !== 0) return `npm install of the tarballs failed: ${installed.output}`;
  const readme = join(dir, 'node_modules', pkg.json.name, 'README.md');
  if (!existsSync(readme)) return 'the tarball has no README.md';
  const block = firstTsBlock(readFileSync(readme, 'utf8'));
  if (block === undefined) return 'README.md has no ```ts block to run';
  writeFileSync(join(dir, 'example.js'), toJavaScript(block));
  const ran = await run(process.execPath, ['example.js'], { cwd: dir, env: cleanEnv(), timeoutMs: 60_000 });
  return ran.status === 0 ? undefined : `the example in README.md ended with ${ran.status}: ${ran.output}`;
}

/** Without what npm and pnpm tell their children: the project is to look as a user's does. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|PNPM_|NODE_OPTIONS$|NODE_ENV$)/i.test(name)),
  );
}
