// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createPrng } from '@tsbpf/capture';
import type { KernelVersion } from '@tsbpf/core';
import { createHost } from '@tsbpf/host';
import { inOwnNamespace } from './libc.ts';
import { playReuseport, randomReuseport, realReuseport, simulatedReuseport } from './reuseport.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.log('skipped: sockets that share a port are compared as root on Linux');
const SCENARIOS = Number(process.env['TSBPF_SCENARIOS'] ?? 40);
const FIRST = Number(process.env['TSBPF_SEED'] ?? 0);

describe.skipIf(!isRoot)('sockets that share a port', () => {
  it(`get what they get on the running kernel (${SCENARIOS} random scenarios)`, () => {
    const host = createHost();
    const release = /^\d+\.\d+/.exec(host.uname().release)?.[0] as KernelVersion;
    inOwnNamespace(() => {
      execFileSync('ip', ['link', 'set', 'lo', 'up']);
      for (let seed = FIRST; seed < FIRST + SCENARIOS; seed++) {
        const scenario = randomReuseport(createPrng(seed));
        const real = realReuseport(host);
        let theirs;
        try {
          theirs = playReuseport(real, scenario);
        } finally {
          real.close();
        }
        const ours = playReuseport(simulatedReuseport(release), scenario);
        expect({ seed, scenario, results: ours }).toEqual({ seed, scenario, results: theirs });
      }
    });
  });
});
