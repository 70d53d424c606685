// SPDX-License-Identifier: MIT
// Headers of tunnels, set and read by random programs, here and in the running kernel.
import { createHost } from '@tsbpf/host';
import { expect, it } from 'vitest';
import { ENGINES, realKernel } from '../../test/real-kernel.ts';
import { runTunnels } from '../../test/tunnel-scenario.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.log('skipped: tunnels are compared as root on Linux');
const SEEDS = Array.from({ length: Number(process.env['TSBPF_PROGRAMS'] ?? 60) }, (_, i) => 20200402 + i);

it.skipIf(!isRoot)('tunnels of random programs are those of Linux', () => {
  const theirs = runTunnels(createHost(), SEEDS);
  for (const engine of ENGINES)
    expect({ engine, answers: runTunnels(realKernel(engine), SEEDS) }).toEqual({ engine, answers: theirs });
});
