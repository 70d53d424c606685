// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createPrng } from '@tsbpf/capture';
import { createHost } from '@tsbpf/host';
import { onlineCpus, playDevices, randomDeviceScenario, realDevices, simulatedDevices } from './devices.ts';
import { inOwnNamespace } from './libc.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const enough = isRoot && onlineCpus() > 1;
if (!enough) console.log('skipped: devices are compared as root on a Linux of two CPUs');
const SCENARIOS = Number(process.env['TSBPF_SCENARIOS'] ?? 40);
const FIRST = Number(process.env['TSBPF_SEED'] ?? 0);

describe.skipIf(!enough)('veth pairs with XDP and classifiers', () => {
  it(`frames arrive where they do on the running kernel (${SCENARIOS} random scenarios)`, () => {
    const host = createHost();
    inOwnNamespace(() => {
      const real = realDevices(host);
      const reached = new Set<string>();
      try {
        for (let seed = FIRST; seed < FIRST + SCENARIOS; seed++) {
          const scenario = randomDeviceScenario(createPrng(seed));
          const theirs = playDevices(real, scenario);
          const ours = playDevices(simulatedDevices(), scenario);
          for (const ends of theirs)
            for (const [end, frames] of Object.entries(ends)) if (frames.length > 0) reached.add(end);
          expect({ seed, scenario, arrived: ours }).toEqual({ seed, scenario, arrived: theirs });
        }
        expect([...reached].sort()).toEqual(['a0', 'a1', 'b1', 'c1']);
      } finally {
        real.close();
      }
    });
  });
});
