// SPDX-License-Identifier: MIT
// A native program on the simulated kernel: builds what is preloaded into it, serves it, and collects what it says.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKernel } from 'tsbpf';
import { serve } from './server.ts';

const HERE = dirname(fileURLToPath(import.meta.url));

/** Options of {@link runNative}. */
export interface RunNativeOptions {
  engine?: 'jit' | 'interpreter';
  /** Working directory of the program. */
  cwd?: string;
  timeoutSeconds?: number;
  onCommand?: ((cmd: number, result: number) => void) | undefined;
}

/** What became of a native program. */
export interface NativeResult {
  /** Its exit status; 124 where it took too long, 128 and the signal's number where one ended it. */
  status: number;
  /** Standard output and error. */
  output: string;
}

/** Why native programs cannot be run here; undefined where they can. */
export function whyNoNative(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'reading the memory of processes needs root';
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no C compiler (cc)';
  }
}

/** Runs a program whose bpf(2) is answered by a simulated kernel of its own. */
export async function runNative(
  program: string,
  args: readonly string[],
  options: RunNativeOptions = {},
): Promise<NativeResult> {
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-bridge-'));
  const library = join(dir, 'preload.so');
  const socket = join(dir, 'socket');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, join(HERE, 'preload.c'), '-ldl']);
  const kernel = createKernel({ engine: options.engine ?? 'jit' });
  const server = await serve(kernel, socket, options.onCommand === undefined ? {} : { onCommand: options.onCommand });
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, LD_PRELOAD: library, TSBPF_BRIDGE: socket },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      });
      let output = '';
      let late = false;
      const timer = setTimeout(
        () => {
          late = true;
          child.kill('SIGKILL');
        },
        1000 * (options.timeoutSeconds ?? 120),
      );
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Uint8Array) => (output += new TextDecoder().decode(chunk)));
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        resolve({ status: late ? 124 : (code ?? (signal === null ? 1 : 128 + 6)), output });
      });
    });
  } finally {
    server.close();
    rmSync(dir, { recursive: true, force: true });
  }
}
