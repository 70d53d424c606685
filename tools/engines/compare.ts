// SPDX-License-Identifier: MIT
// Random verified programs on both engines. See README.md.
//   npx tsx --conditions=@tsbpf/source tools/engines/compare.ts --seed 1 --count 1000
import { parseArgs } from 'node:util';
import { listing } from '../soundness/net.ts';
import { comparePrograms } from './compare-programs.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    progress: { type: 'boolean', default: false },
  },
});

const start = performance.now();
const tally = comparePrograms({
  seed: Number(values.seed),
  count: Number(values.count),
  onDifference: (prog, what) => console.log(`${what}\n${listing(prog)}`),
  onProgress: (now, seed) => {
    if (values.progress) console.log(`seed ${seed}: ${JSON.stringify(now)}`);
  },
});
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(
  `${tally.programs} programs in ${seconds} s: ${tally.programs - tally.rejected} verified, ${tally.same} the same on both engines, ` +
    `${tally.addressDependent} whose results depend on addresses, ${tally.notSupported} that need what is not simulated, ` +
    `${tally.different} different`,
);
process.exitCode = tally.different === 0 ? 0 : 1;
