// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createPrng } from '@tsbpf/capture';
import type { KernelVersion } from '@tsbpf/core';
import { createHost } from '@tsbpf/host';
import { ENGINES } from '../../packages/net/test/real-kernel.ts';
import { inOwnNamespace } from './libc.ts';
import { play, randomScenario, realWorld, simulatedWorld, taskWorld, type StepResult } from './sockmap.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.log('skipped: sockets of socket maps are compared as root on Linux');
const SCENARIOS = Number(process.env['TSBPF_SCENARIOS'] ?? 60);
const FIRST = Number(process.env['TSBPF_SEED'] ?? 0);

/** What a scenario came to, whenever it did. */
function inTheEnd(steps: readonly StepResult[]): unknown {
  const arrived = steps[0]?.arrived.map((_, at) => steps.map((step) => step.arrived[at]).join('')) ?? [];
  return { sent: steps.map(({ sent }) => sent), arrived };
}

describe.skipIf(!isRoot)('sockets in socket maps', () => {
  it(`send and receive what they do on the running kernel (${SCENARIOS} random scenarios)`, () => {
    const host = createHost();
    const release = /^\d+\.\d+/.exec(host.uname().release)?.[0] as KernelVersion;
    inOwnNamespace(() => {
      execFileSync('ip', ['link', 'set', 'lo', 'up']);
      // What is sent goes at once, whatever is still on its way.
      writeFileSync('/proc/sys/net/ipv4/tcp_autocorking', '0');
      let keptBack = 0;
      for (let seed = FIRST; seed < FIRST + SCENARIOS; seed++) {
        const scenario = randomScenario(createPrng(seed));
        const ours = play(simulatedWorld(release), scenario);
        // Sockets of simulated tasks do the same on both engines.
        for (const engine of ENGINES) {
          const tasks = play(taskWorld(release, engine), scenario);
          expect({ seed, engine, tasks }).toEqual({ seed, engine, tasks: ours });
        }
        const theirs = (settleMs: number): StepResult[] => {
          const real = realWorld(host, settleMs);
          try {
            return play(real, scenario);
          } finally {
            real.close();
          }
        };
        // A busy machine needs longer.
        if (isDeepStrictEqual(theirs(3), ours)) continue;
        const results = theirs(60);
        if (isDeepStrictEqual(results, ours)) continue;
        // Now and then the running kernel keeps a short message back until the next one is sent: all that was sent and
        // all that arrived are the same in the end.
        if (isDeepStrictEqual(inTheEnd(results), inTheEnd(ours)) && ++keptBack <= 1 + SCENARIOS / 50) continue;
        expect({ seed, scenario, results: ours }).toEqual({ seed, scenario, results });
      }
    });
  });
});
