// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { listing } from '../soundness/net.ts';
import { comparePrograms } from './compare-programs.ts';

describe('random verified programs', () => {
  it('leave the same on both engines: R0, packets, memory, maps, helper calls', () => {
    const differences: string[] = [];
    const tally = comparePrograms({
      seed: 1,
      count: 400,
      onDifference: (prog, what) => differences.push(`${what}\n${listing(prog)}`),
    });
    expect(differences).toEqual([]);
    expect(tally.same).toBeGreaterThan(350);
  });
});
