// SPDX-License-Identifier: MIT
// The table, or a part of it, on one system, compared with the record.
import { readFileSync } from 'node:fs';
import { EINVAL, UsageError } from '../../packages/uapi/src/index.ts';
import type { Sys } from '../../packages/uapi/src/index.ts';
import { sharedFile } from '../shared-data.ts';
import type { SelftestTable } from './cases.ts';
import { firstMisalignment, summarize } from './compare.ts';
import type { KernelName, RecordedCase, Summary } from './compare.ts';
import { createCaseRunner } from './run-case.ts';

/** The file of recorded answers, where the reference data is. */
export function recordedAnswersFile(): string | undefined {
  return sharedFile('conformance', 'selftests-6.1-on-5.6.4-and-6.18.json');
}

/** The recorded answers in a file. */
export function readRecorded(file: string): RecordedCase[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { cases: RecordedCase[] }).cases;
}

/** What to run and what to compare with. */
export interface RunTableOptions {
  kernel: KernelName;
  recorded: readonly RecordedCase[];
  table: SelftestTable;
  /** Extra bits of the log level. */
  logLevel?: number;
  /** All cases where left out. */
  choose?: (recorded: RecordedCase) => boolean;
  onCase?: (recorded: RecordedCase, result: { log: string; ms: number }) => void;
}

/**
 * Runs the chosen cases and compares.
 *
 * @throws UsageError where table and record are not of the same cases.
 */
export function runTable(sys: Sys, options: RunTableOptions): Summary {
  const { table, recorded } = options;
  const misalignment = firstMisalignment(table.cases, recorded);
  if (misalignment !== undefined) throw new UsageError(`Table and record differ: ${misalignment}`, { errno: EINVAL });
  const runner = createCaseRunner(sys, table, { logLevel: options.logLevel ?? 0 });
  const pairs = recorded
    .filter((record) => options.choose?.(record) ?? true)
    .flatMap((record) => {
      const test = table.cases[record.index];
      if (test === undefined) return [];
      const start = performance.now();
      const actual = runner.run(test);
      options.onCase?.(record, { log: runner.lastLog(), ms: performance.now() - start });
      return [{ recorded: record, actual, runs: test.runs }];
    });
  return summarize(options.kernel, pairs);
}
