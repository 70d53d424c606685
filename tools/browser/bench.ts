// SPDX-License-Identifier: MIT
import { fileURLToPath } from 'node:url';
import type { BrowserRow } from '../../bench/browser/page.ts';
import { bundle } from './bundle.ts';
import { runPage } from './page.ts';

/** The programs of `pnpm bench` on both engines in a headless Chromium. Wall time: pages have no other. */
export async function benchInBrowser(): Promise<readonly BrowserRow[]> {
  const clock = fileURLToPath(new URL('../../bench/browser/clock.ts', import.meta.url));
  const script = await bundle("export { main as default } from './bench/browser/page.ts';", {
    './cpu-clock.ts': clock,
  });
  return (await runPage({ script, timeoutMs: 120_000 })) as BrowserRow[];
}
