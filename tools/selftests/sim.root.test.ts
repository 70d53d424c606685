// SPDX-License-Identifier: MIT
// The simulated kernel of 5.6 against what a real 5.6.4 answered and logged. Needs the reference data beside the
// repository, Debian's linux-source-6.1 and a C compiler.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openSys } from '../open-sys.ts';
import { sharedFile } from '../shared-data.ts';
import { loadTable } from './cases.ts';
import { formatSummary } from './compare.ts';
import { DIFFERENCES } from './differences.ts';
import { whyNoCases } from './extract.ts';
import { createCaseRunner } from './run-case.ts';
import { readRecorded, recordedAnswersFile, runTable } from './run-table.ts';

/** What must be equal at least, of what the real kernel judged; counters of what it accepted. */
const VERDICTS = 0.99;
const MESSAGES = 0.97;
const COUNTERS = 0.95;

const answers = recordedAnswersFile();
const logs = sharedFile('conformance', 'logs-5.6.4-and-6.18.json');
const noData = answers === undefined || logs === undefined;
const why = whyNoCases() ?? (noData ? 'there are no recorded answers beside the repository' : undefined);
if (why !== undefined) console.log(`skipped: ${why}`);

interface RecordedLog {
  readonly index: number;
  readonly log_level: number;
  readonly linux_5_6_4_log: string;
}

/** A log without what differs from run to run, and without ids of types, which are those of a kernel's build. */
function settled(log: string): string {
  return log
    .replace(/0xff[0-9a-f]{14}/g, 'ADDR')
    .replace(/verification time \d+ usec/g, 'verification time T usec')
    .replace(/ has btf_id \d+ /g, ' has btf_id N ');
}

describe.skipIf(why !== undefined)('the simulated kernel of 5.6', () => {
  it('answers as a real 5.6.4 but for the known differences', { timeout: 200_000 }, async () => {
    const recorded = readRecorded(answers ?? '');
    const summary = runTable(await openSys('sim'), { kernel: '5.6.4', recorded, table: loadTable() });
    console.log(formatSummary(summary, { maxDifferences: 10 }));
    expect(summary.judged).toBe(1291);
    expect(summary.equal.verdict).toBeGreaterThanOrEqual(VERDICTS * summary.judged);
    expect(summary.equal.message).toBeGreaterThanOrEqual(MESSAGES * summary.judged);

    const accepted = recorded.filter(({ linux_5_6_4: answer }) => 'accepts' in answer && answer.accepts).length;
    const lost = summary.differences.filter(
      ({ expected, aspects }) => 'accepts' in expected && expected.accepts && aspects.includes('counters'),
    ).length;
    expect(accepted).toBeGreaterThan(500);
    expect(lost).toBeLessThanOrEqual((1 - COUNTERS) * accepted);

    const named = ({ index, file, descr }: { index: number; file: string; descr: string }) => ({ index, file, descr });
    expect(summary.differences.map(named)).toEqual(DIFFERENCES.map(named));
  });

  it('logs as a real 5.6.4, byte for byte', { timeout: 60_000 }, async () => {
    const { cases } = JSON.parse(readFileSync(logs ?? '', 'utf8')) as { cases: RecordedLog[] };
    const table = loadTable();
    expect(cases).toHaveLength(91);
    for (const { index, log_level, linux_5_6_4_log } of cases) {
      const test = table.cases[index];
      const runner = createCaseRunner(await openSys('sim'), table, { logLevel: log_level });
      expect('env' in runner.run(test), test.descr).toBe(false);
      expect(settled(runner.lastLog()), test.descr).toBe(settled(linux_5_6_4_log));
    }
  });
});
