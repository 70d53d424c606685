// SPDX-License-Identifier: MIT
// Linux 6.1's tables of hook tests: the simulated kernel on both engines, and the running kernel.
import { describe, expect, it } from 'vitest';
import { explain } from './differences.ts';
import { runReal, whyNotReal } from './real.ts';
import { SUITES, tableOf, whyNoSource, type Suite } from './source.ts';
import { runRow } from './suites.ts';

const CASES: Readonly<Record<Suite, number>> = { sysctl: 40, sock: 19, sock_addr: 35, sockopt: 37 };
/** How many differ by a rule that later versions changed. */
const EXPLAINED: Readonly<Record<Suite, number>> = { sysctl: 0, sock: 3, sock_addr: 9, sockopt: 0 };

const why = whyNoSource();
if (why !== undefined) console.log(`skipped: ${why}`);
const whyReal = why ?? whyNotReal();
if (why === undefined && whyReal !== undefined) console.log(`skipped on the running kernel: ${whyReal}`);

describe.skipIf(why !== undefined)("Linux 6.1's tables of hook tests", { timeout: 120_000 }, () => {
  it.each(SUITES)('%s: the simulated kernel does what the table wants', (suite) => {
    const rows = tableOf(suite);
    expect(rows).toHaveLength(CASES[suite]);
    for (const engine of ['interpreter', 'jit'] as const) {
      const differ = rows.map((row) => runRow(suite, row, engine)).filter(({ expected, got }) => expected !== got);
      expect(
        differ.filter((outcome) => explain(outcome) === undefined),
        engine,
      ).toEqual([]);
      expect(differ, engine).toHaveLength(EXPLAINED[suite]);
    }
  });

  it.skipIf(whyReal !== undefined).each(SUITES)('%s: the running kernel does what the table wants', async (suite) => {
    const outcomes = await runReal(suite);
    expect(outcomes.filter(({ passed }) => !passed)).toEqual([]);
    expect(outcomes).toHaveLength(CASES[suite]);
  });
});
