// SPDX-License-Identifier: MIT
// The whole table on the running kernel, which proves the cases, the maps and the patches right.
import { release } from 'node:os';
import { describe, expect, it } from 'vitest';
import { openSys } from '../open-sys.ts';
import { loadTable } from './cases.ts';
import { formatSummary } from './compare.ts';
import { whyNoCases } from './extract.ts';
import { readRecorded, recordedAnswersFile, runTable } from './run-table.ts';

const file = recordedAnswersFile();
const noCases = whyNoCases();
const why = noCases ?? (file === undefined ? 'there are no recorded answers beside the repository' : undefined);
const isRecordedKernel = process.getuid?.() === 0 && release().startsWith('6.18.');
if (why !== undefined) console.log(`skipped: ${why}`);
else if (!isRecordedKernel) console.log('skipped the run: it needs root on Linux 6.18');

describe.skipIf(why !== undefined)('the test_verifier table of Linux 6.1', () => {
  it('has the 1365 recorded cases in order', () => {
    const table = loadTable();
    const recorded = readRecorded(file!);
    expect(table.cases).toHaveLength(1365);
    expect(table.cases.map(({ file, index, descr }) => ({ file, index, descr }))).toEqual(
      recorded.map(({ file, index, descr }) => ({ file, index, descr })),
    );
    expect(table.cases.find(({ descr }) => descr === 'scale: scale test 1')?.insns.length).toBeGreaterThan(7_000_000);
  });

  it.skipIf(!isRecordedKernel)('is answered by the running kernel as recorded', async () => {
    const summary = runTable(await openSys('host'), {
      kernel: '6.18',
      recorded: readRecorded(file!),
      table: loadTable(),
    });
    console.log(formatSummary(summary, { maxDifferences: 10 }));
    expect(summary.judged).toBe(1323);
    expect(summary.differences).toEqual([]);
  });
});
