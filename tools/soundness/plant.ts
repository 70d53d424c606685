// SPDX-License-Identifier: MIT
// Copies of the verifier with a bug each, and how long the net takes to find it.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EINVAL, UsageError } from '../../packages/uapi/src/index.ts';
import { randomProgram } from './generate.ts';
import { createNetKernel, type VerifyObserved } from './net-kernel.ts';
import { throughTheNet } from './net.ts';
import type { PlantedBug } from './planted-bugs.ts';

const VERIFIER = fileURLToPath(new URL('../../packages/verifier', import.meta.url));
const PROGRAMS_PER_KERNEL = 100;

/** What became of a planted bug. */
export interface Hunt {
  readonly bug: string;
  /** The seed of the program that showed it. */
  readonly foundBy: number | undefined;
  readonly what: string;
  readonly programs: number;
  readonly seconds: number;
  /** Of the processor's time. */
  readonly cpuSeconds: number;
}

/** A verifier with the bug in it; `remove` deletes the copy. @errno EINVAL the text to replace is not there once */
export async function plant(bug: PlantedBug): Promise<{ verify: VerifyObserved; remove: () => void }> {
  const dir = mkdtempSync(join(tmpdir(), 'planted-'));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  cpSync(join(VERIFIER, 'src'), join(dir, 'src'), { recursive: true });
  symlinkSync(join(VERIFIER, 'node_modules'), join(dir, 'node_modules'));
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ type: 'module' }));
  const file = join(dir, 'src', bug.file);
  const parts = readFileSync(file, 'utf8').split(bug.from);
  if (parts.length !== 2) {
    remove();
    throw new UsageError(`"${bug.name}": ${bug.file} has its text ${parts.length - 1} times`, { errno: EINVAL });
  }
  writeFileSync(file, parts.join(bug.to));
  const module = (await import(pathToFileURL(join(dir, 'src', 'index.ts')).href)) as { verifyObserved: VerifyObserved };
  return { verify: module.verifyObserved, remove };
}

/** Looks for a planted bug until it is found or the time is over. */
export async function hunt(bug: PlantedBug, options: { seed: number; seconds: number }): Promise<Hunt> {
  const { verify, remove } = await plant(bug);
  const start = performance.now();
  const startCpu = process.cpuUsage();
  const times = (): { seconds: number; cpuSeconds: number } => {
    const { user, system } = process.cpuUsage(startCpu);
    return { seconds: elapsed(), cpuSeconds: (user + system) / 1e6 };
  };
  const elapsed = (): number => (performance.now() - start) / 1000;
  try {
    let net = createNetKernel(verify);
    const control = createNetKernel();
    let tried = 0;
    for (let i = 0; elapsed() < options.seconds; i++) {
      if (i > 0 && i % PROGRAMS_PER_KERNEL === 0) net = createNetKernel(verify);
      const seed = options.seed + i;
      tried++;
      const { violation } = throughTheNet(net, randomProgram(seed, net));
      if (violation === undefined) continue;
      // What the verifier without the bug does, too, is another one's.
      const { violation: anyway } = throughTheNet(control, randomProgram(seed, control));
      if (anyway !== undefined) continue;
      const [what = ''] = violation.split('\n');
      return { bug: bug.name, foundBy: seed, what, programs: i + 1, ...times() };
    }
    return { bug: bug.name, foundBy: undefined, what: '', programs: tried, ...times() };
  } finally {
    remove();
  }
}
