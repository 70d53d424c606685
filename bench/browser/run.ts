// SPDX-License-Identifier: MIT
// Both engines in a headless Chromium: `pnpm bench:browser`.
import { benchInBrowser } from '../../tools/browser/bench.ts';

const show = (ns: number): string => ns.toFixed(ns < 100 ? 2 : 0).padStart(12);

console.log(
  `${'program'.padEnd(14)}${['JIT ns', 'atomics ns', 'interp. ns'].map((head) => head.padStart(12)).join('')}`,
);
for (const { name, jit, atomics, interpreter, differs } of await benchInBrowser()) {
  console.log(name.padEnd(14) + show(jit) + show(atomics) + show(interpreter) + (differs ? '  R0 differs' : ''));
}
