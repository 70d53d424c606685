// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { PNPM_VERSION, pnpmEnv } from './pnpm.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const temp = mkdtempSync(join(tmpdir(), 'tsbpf bootstrap '));
afterAll(() => rmSync(temp, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(temp, path)), { recursive: true });
  writeFileSync(join(temp, path), text);
}

/** A checkout whose compiler, test runner and installed lockfile are made up; pnpm must not be needed for it. */
function checkout(compiler: string): void {
  cpSync(here, join(temp, 'tools/bootstrap'), { recursive: true });
  write('pnpm-lock.yaml', 'lock\n');
  write('node_modules/.pnpm/lock.yaml', 'lock\n');
  write('node_modules/typescript/package.json', '{}');
  write('node_modules/typescript/bin/tsc', compiler);
  write('node_modules/vitest/package.json', '{}');
  write('node_modules/vitest/vitest.mjs', `console.log('vitest', ...process.argv.slice(2)); process.exitCode = 0;`);
  rmSync(join(temp, 'node_modules/.tsbpf-install'), { force: true });
}

function start(args: string[], preload: string[] = []) {
  const script = join(temp, 'tools/bootstrap/run.mjs');
  return spawnSync(process.execPath, [...preload, script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: '' },
  });
}

describe('run.mjs', () => {
  test('installed by hand: tests run, arguments pass, the stamp is written', () => {
    checkout('');
    const ran = start(['test', 'packages/maps/']);
    expect(ran.stdout).toBe('vitest run packages/maps/\n');
    expect(ran.status).toBe(0);
    expect(readFileSync(join(temp, 'node_modules/.tsbpf-install'), 'utf8')).toMatch(/^[0-9a-f]{64} /);
  });

  test('tests run in spite of a type error, and the command fails', () => {
    checkout(`console.log('a.ts: error'); process.exitCode = 2;`);
    const ran = start(['test']);
    expect(ran.stdout).toBe('vitest run\n');
    expect(ran.stderr).toContain('a.ts: error');
    expect(ran.status).toBe(1);
  });

  test('start says what is missing', () => {
    checkout('');
    const ran = start(['start']);
    expect(ran.stderr).toContain('is missing; this checkout is incomplete');
    expect(ran.status).toBe(2);
  });

  test('start passes on the status of the command and its arguments', () => {
    checkout('');
    write('packages/cli/dist/main.js', 'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 3;');
    const ran = start(['start', 'verify', 'a b.o']);
    expect(ran.stdout).toBe('["verify","a b.o"]\n');
    expect(ran.status).toBe(3);
  });

  test('an old Node is told so', () => {
    checkout('');
    write('old.cjs', `Object.defineProperty(process.versions, 'node', { value: '18.20.4' });`);
    const ran = start(['test'], ['--require', join(temp, 'old.cjs')]);
    expect(ran.stderr).toContain('needs Node.js 20.19 or newer; this is 18.20.4');
    expect(ran.status).toBe(2);
  });

  test('an unknown verb', () => {
    checkout('');
    expect(start(['fly']).status).toBe(2);
  });
});

test('pnpm is the version that package.json names, and installs development dependencies', () => {
  const root = JSON.parse(readFileSync(join(here, '../../package.json'), 'utf8')) as { packageManager: string };
  expect(root.packageManager).toBe(`pnpm@${PNPM_VERSION}`);
  expect(pnpmEnv({ NODE_ENV: 'production', HOME: '/h' })).toMatchObject({ HOME: '/h', CI: 'true' });
  expect(pnpmEnv({ NODE_ENV: 'production' })).not.toHaveProperty('NODE_ENV');
});
