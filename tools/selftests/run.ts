// SPDX-License-Identifier: MIT
// Runs the test_verifier cases of Linux 6.1 on a bpf(2) implementation and compares with what a real kernel answered.
//   tsx --conditions=@tsbpf/source tools/selftests/run.ts --sys sim --kernel 5.6.4
import { parseArgs } from 'node:util';
import { BpfError, ENOENT, UsageError } from '../../packages/uapi/src/index.ts';
import { openSys } from '../open-sys.ts';
import { loadTable } from './cases.ts';
import { formatSummary } from './compare.ts';
import { readRecorded, recordedAnswersFile, runTable } from './run-table.ts';

const USAGE = `usage: run.ts [--sys host|sim[:VERSION]|MODULE] [--kernel 5.6.4|6.18] [--expected FILE]
              [--case INDEX]... [--file NAME.c] [--grep TEXT] [--log] [--max N] [--slow N] [--json]
  --log   print each chosen case's verifier log, with instructions
  --max   differences to print (50)
  --slow  print the N slowest cases`;

const { values: flags } = parseArgs({
  options: {
    sys: { type: 'string', default: 'host' },
    kernel: { type: 'string', default: '6.18' },
    expected: { type: 'string' },
    case: { type: 'string', multiple: true },
    file: { type: 'string' },
    grep: { type: 'string' },
    log: { type: 'boolean', default: false },
    max: { type: 'string', default: '50' },
    slow: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  if (flags.help || (flags.kernel !== '5.6.4' && flags.kernel !== '6.18')) {
    console.error(USAGE);
    return flags.help ? 0 : 2;
  }
  const expected = flags.expected ?? recordedAnswersFile();
  if (expected === undefined)
    throw new UsageError('No recorded answers: give --expected FILE or set TSBPF_SHARED', { errno: ENOENT });
  const wanted = flags.case?.map(Number);
  const times: { ms: number; title: string }[] = [];
  const summary = runTable(await openSys(flags.sys), {
    kernel: flags.kernel,
    recorded: readRecorded(expected),
    table: loadTable(),
    logLevel: flags.log ? 1 : 0,
    choose: ({ index, file, descr }) =>
      (wanted?.includes(index) ?? true) &&
      (flags.file === undefined || flags.file === file) &&
      (flags.grep === undefined || descr.includes(flags.grep)),
    onCase({ index, file, descr }, { log, ms }) {
      const title = `#${index} ${file} "${descr}"`;
      times.push({ ms, title });
      if (flags.log) console.log(`${title}\n${log}`);
    },
  });
  const maxDifferences = Number(flags.max);
  console.log(flags.json ? JSON.stringify(summary, null, 1) : formatSummary(summary, { maxDifferences }));
  times.sort((a, b) => b.ms - a.ms);
  for (const { ms, title } of times.slice(0, Number(flags.slow))) console.log(`${ms.toFixed(0)} ms  ${title}`);
  return summary.differences.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BpfError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
