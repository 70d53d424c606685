// SPDX-License-Identifier: MIT
// Linux's own verifier cases against the answers and the logs of a real 5.6.4. Needs the reference data beside the
// repository, Debian's linux-source-6.1 and a C compiler.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadTable } from '../../../tools/selftests/cases.ts';
import { whyNoCases } from '../../../tools/selftests/extract.ts';
import { createCaseRunner } from '../../../tools/selftests/run-case.ts';
import { readRecorded, recordedAnswersFile, runTable } from '../../../tools/selftests/run-table.ts';
import { sharedFile } from '../../../tools/shared-data.ts';
import { createSys } from '../test/fake-sys.ts';

const answers = recordedAnswersFile();
const logs = sharedFile('conformance', 'logs-5.6.4-and-6.18.json');
const matrix = sharedFile('reference', 'programs', 'access-matrix.json');
const noData = answers === undefined || logs === undefined || matrix === undefined;
const why = whyNoCases() ?? (noData ? 'there is no reference data beside the repository' : undefined);
if (why !== undefined) console.log(`skipped: ${why}`);

/** Differences that are not the verifier's. */
const EXPLAINED: Readonly<Record<number, string>> = {
  810: 'the recorded log was cut',
};
/** Cases that this system has no BTF or no program type for. */
const NOT_JUDGED = 23;

interface RecordedLog {
  readonly index: number;
  readonly log_level: number;
  readonly linux_5_6_4_log: string;
}

/** A log without what differs from run to run. */
function settled(log: string): string {
  return log.replace(/0xff[0-9a-f]{14}/g, 'ADDR').replace(/verification time \d+ usec/g, 'verification time T usec');
}

describe.skipIf(why !== undefined)('a real Linux 5.6.4', () => {
  it('answers the same to every case: verdict, errno, message, counters', { timeout: 120_000 }, () => {
    const summary = runTable(createSys(), {
      kernel: '5.6.4',
      recorded: readRecorded(answers ?? ''),
      table: loadTable(),
    });
    expect(summary.judged - summary.lacking).toBe(1291 - NOT_JUDGED);
    const differing = summary.differences
      .filter(({ actual, aspects }) => 'accepts' in actual && aspects.some((aspect) => aspect !== 'retvals'))
      .filter(({ index }) => EXPLAINED[index] === undefined);
    expect(differing).toEqual([]);
  });

  it('logs the same, byte for byte', { timeout: 60_000 }, () => {
    const { cases } = JSON.parse(readFileSync(logs ?? '', 'utf8')) as { cases: RecordedLog[] };
    const table = loadTable();
    let compared = 0;
    for (const { index, log_level, linux_5_6_4_log } of cases) {
      const runner = createCaseRunner(createSys(), table, { logLevel: log_level });
      if ('env' in runner.run(table.cases[index])) continue;
      compared++;
      expect(settled(runner.lastLog()), table.cases[index].descr).toBe(settled(linux_5_6_4_log));
    }
    expect(compared).toBe(90);
  });
});
