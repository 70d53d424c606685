// SPDX-License-Identifier: MIT
// Random operations on maps of every type, on the running kernel and on ours. Needs root.
// Run: pnpm maps:differential [--count N] [--seed N] [--only TITLE]
import { parseArgs } from 'node:util';
import { compareRow } from './compare.ts';
import { rowsOf } from './rows.ts';
import { World } from './world.ts';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const world = await World.open();
let failed = 0;
let total = 0;
const { release } = world.real.uname();
console.log(`Linux ${release}, CPU 0; seed ${options.seed}`);
try {
  for (const row of rowsOf(world)) {
    if (options.only !== undefined && row.title !== options.only) continue;
    const from = performance.now();
    const { operations, kinds, difference } = compareRow(world, row, {
      count: Number(options.count),
      seed: Number(options.seed),
    });
    total += operations;
    const seconds = ((performance.now() - from) / 1000).toFixed(1).padStart(6);
    console.log(
      `${row.title.padEnd(32)} ${String(operations).padStart(8)} operations, ${String(kinds).padStart(3)} kinds of answer ${seconds} s  ${difference === undefined ? 'same' : 'DIFFERS'}`,
    );
    if (difference !== undefined) {
      failed++;
      console.log(`  ${difference}`);
    }
  }
} finally {
  world.close();
}
console.log(`${total.toLocaleString('en-US')} operations; ${failed} type${failed === 1 ? '' : 's'} differ`);
process.exitCode = failed === 0 ? 0 : 1;
