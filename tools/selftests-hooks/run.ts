// SPDX-License-Identifier: MIT
// Runs Linux 6.1's tables of hook tests on the simulated kernel, and with --real on the running one.
//   tsx --conditions=@tsbpf/source tools/selftests-hooks/run.ts [--engine jit] [--real]
import { parseArgs } from 'node:util';
import { explain } from './differences.ts';
import { runReal } from './real.ts';
import { SUITES, tableOf } from './source.ts';
import { runRow } from './suites.ts';

const { values: flags } = parseArgs({
  options: { engine: { type: 'string', default: 'interpreter' }, real: { type: 'boolean', default: false } },
});
const engine = flags.engine === 'jit' ? 'jit' : 'interpreter';
let unexplained = 0;
for (const suite of SUITES) {
  const rows = tableOf(suite);
  const outcomes = rows.map((row) => runRow(suite, row, engine));
  const differ = outcomes.filter(({ expected, got }) => expected !== got);
  const real = flags.real ? await runReal(suite) : undefined;
  const onReal = real === undefined ? '' : `, ${real.filter(({ passed }) => passed).length} pass on the running kernel`;
  console.log(`${suite}: ${rows.length} cases, ${rows.length - differ.length} as the table wants${onReal}`);
  for (const outcome of differ) {
    const why = explain(outcome);
    if (why === undefined) unexplained++;
    console.log(
      `  #${outcome.index} ${outcome.descr}: wants ${outcome.expected}, is ${outcome.got} (${why ?? 'UNEXPLAINED'})`,
    );
  }
}
process.exitCode = unexplained === 0 ? 0 : 1;
