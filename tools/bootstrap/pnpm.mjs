// SPDX-License-Identifier: MIT
// How to run the pinned pnpm on a machine that may have another one, or none.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const PNPM_VERSION = '10.34.9';

/**
 * The command and first arguments that run pnpm: the one on PATH where its version is ours, else npx.
 * @returns {{ command: string, args: string[], shell: boolean }}
 */
export function findPnpm() {
  const windows = process.platform === 'win32';
  // Asked outside the repository: inside, another pnpm would first download the one package.json names.
  const asked = spawnSync('pnpm', ['--version'], {
    cwd: tmpdir(),
    encoding: 'utf8',
    shell: windows,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (asked.status === 0 && asked.stdout.trim() === PNPM_VERSION) return { command: 'pnpm', args: [], shell: windows };
  const npx = ['--yes', '--prefer-offline', `pnpm@${PNPM_VERSION}`];
  // npx's script beside the npm that runs us needs neither PATH nor a shell.
  for (const near of [
    process.env['npm_execpath'] ?? '',
    join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'),
  ]) {
    const script = join(dirname(near), 'npx-cli.js');
    if (near !== '' && existsSync(script)) return { command: process.execPath, args: [script, ...npx], shell: false };
  }
  return { command: 'npx', args: npx, shell: windows };
}

/**
 * The environment for pnpm: development dependencies are wanted, and there is nobody to answer a question.
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function pnpmEnv(env) {
  const { NODE_ENV: _dropped, ...rest } = env;
  return { ...rest, CI: 'true', npm_config_update_notifier: 'false' };
}
