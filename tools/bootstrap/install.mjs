// SPDX-License-Identifier: MIT
// Installs what the lockfile says, if that is not what node_modules holds.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPnpm, pnpmEnv } from './pnpm.mjs';

/** @param {string} path */
function digest(path) {
  return existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
}

/**
 * @param {string} root
 * @param {(line: string) => void} say
 * @returns {boolean} whether node_modules can be used
 */
export function install(root, say) {
  const modules = join(root, 'node_modules');
  const stamp = join(modules, '.tsbpf-install');
  const wanted = ['pnpm-lock.yaml', 'pnpm-workspace.yaml'].map((name) => digest(join(root, name))).join(' ');
  const usable = () =>
    existsSync(join(modules, 'typescript', 'package.json')) && existsSync(join(modules, 'vitest', 'package.json'));
  if (usable()) {
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true;
    // Installed by hand: pnpm keeps a copy of the lockfile it installed.
    if (!existsSync(stamp) && digest(join(modules, '.pnpm', 'lock.yaml')) === digest(join(root, 'pnpm-lock.yaml'))) {
      writeFileSync(stamp, wanted);
      return true;
    }
  }
  say('installing dependencies (pnpm, frozen lockfile) ...');
  const pnpm = findPnpm();
  const args = [
    ...pnpm.args,
    'install',
    '--frozen-lockfile',
    '--prefer-offline',
    '--reporter=append-only',
    '--config.confirmModulesPurge=false',
  ];
  const run = spawnSync(pnpm.command, args, {
    cwd: root,
    env: pnpmEnv(process.env),
    shell: pnpm.shell,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (run.status === 0) {
    writeFileSync(stamp, wanted);
    return true;
  }
  process.stderr.write(
    `${run.stdout ?? ''}${run.stderr ?? ''}${run.error === undefined ? '' : `${run.error.message}\n`}`,
  );
  if (!usable()) {
    say('could not install the dependencies; the output is above. The first run needs the npm registry.');
    return false;
  }
  say(
    'could not install (offline?); going on with the node_modules that is there, which may be older than the lockfile',
  );
  return true;
}
