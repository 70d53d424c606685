// SPDX-License-Identifier: MIT
// The benchmark runs in a headless Chromium, and both engines agree there.
import { describe, expect, it } from 'vitest';
import { benchInBrowser } from './bench.ts';
import { whyNoBrowser } from './page.ts';

const why = whyNoBrowser();
if (why !== undefined) console.log(`the benchmark in a browser: skipped, ${why}`);

describe.skipIf(why !== undefined)('in Chromium', () => {
  it('the benchmark runs, and engines agree', async () => {
    const rows = await benchInBrowser();
    expect(rows.length).toBeGreaterThan(10);
    for (const { name, jit, interpreter, differs } of rows) {
      expect(differs, name).toBe(false);
      expect(jit, name).toBeGreaterThan(0);
      expect(interpreter, name).toBeGreaterThan(0);
    }
  });
});
