// SPDX-License-Identifier: MIT
// Child processes for the packaging checks.
import { spawn } from 'node:child_process';
import { findPnpm, pnpmEnv } from '../bootstrap/pnpm.mjs';

export interface Ran {
  status: number;
  /** stdout and stderr as they came. */
  output: string;
  stdout: string;
}

export interface RunOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** The child is killed, and fails, after this many milliseconds. */
  timeoutMs?: number;
}

export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let stdout = '';
    const timer = setTimeout(() => {
      output += `\nkilled after ${options.timeoutMs} ms\n`;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 120_000);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', (error) => {
      clearTimeout(timer);
      done({ status: 127, output: `${output}${error.message}\n`, stdout });
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      done({ status: status ?? 1, output, stdout });
    });
  });
}

const found = findPnpm();

export function pnpm(args: readonly string[], options: RunOptions): Promise<Ran> {
  return run(found.command, [...found.args, ...args], { ...options, env: pnpmEnv(options.env ?? process.env) });
}

/** Runs the tasks with at most `width` at a time; results in the order of the items. */
export async function mapLimit<T, R>(items: readonly T[], width: number, task: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await task(items[i]!);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
