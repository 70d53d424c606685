// SPDX-License-Identifier: MIT
// The common scripts on the running kernel: against itself, which proves the normalizer, and against the simulated one.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../packages/uapi/src/index.ts';
import type { Sys } from '../../packages/uapi/src/index.ts';
import { openSys } from '../open-sys.ts';
import { compareSystems, formatComparison } from './compare.ts';
import type { Allowance } from './compare.ts';
import { normalizeTrace } from './normalize.ts';
import { COMMON_SCRIPTS } from './scripts.ts';
import { runScript } from './trace.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.log('skipped: bpf(2) needs root on Linux');

async function simulated(): Promise<Sys | string> {
  try {
    return await openSys('sim');
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/** What Linux changed after v5.6 in what the common scripts do. */
const SINCE_5_6: readonly Allowance[] = [
  { rule: 'log-format-since-5.17', path: '^log_buf$', left: 'R0 !read_ok\n', right: 'R0 !read_ok\n' },
  // SHA-256 instead of SHA-1, both over the same bytes.
  { rule: 'prog-tag-sha256-since-6.18', path: '^info\\.tag$' },
  // A test run of XDP takes a context, and says how long it is.
  { rule: 'xdp-test-run-context-since-5.15', path: '^ctx_size_out$', left: '^0$' },
];

describe.skipIf(!isRoot)('the common scripts', () => {
  it.each(COMMON_SCRIPTS)('$title: the running kernel equals itself', async (script) => {
    const host = await openSys('host');
    const comparison = compareSystems(host, host, script);
    expect(comparison.differences, formatComparison(comparison)).toEqual([]);
  });

  it('are answered with what Linux documents', async () => {
    const host = await openSys('host');
    const results = COMMON_SCRIPTS.map((script) => normalizeTrace(runScript(host, script)).map(({ result }) => result));
    expect(results).toEqual([
      ['fd', -2, 0, -17, -2, -22, 0, 0, -7, 0, -2, 0, -2, 0, -9, -9],
      ['fd', 0, -2, -7, -14, -14, -17, -22, -22, -22, -22, -22],
      ['fd', 'fd', 0, -22, -22, 0, 0, 'fd', -13, -7],
    ]);
  });

  it.for(COMMON_SCRIPTS)('$title: the simulated kernel answers alike', async (script, ctx) => {
    const sim = await simulated();
    if (typeof sim === 'string') return ctx.skip(`no simulated kernel: ${sim}`);
    const comparison = compareSystems(await openSys('host'), sim, script, { allow: SINCE_5_6 });
    expect(comparison.differences, formatComparison(comparison)).toEqual([]);
  });
});
