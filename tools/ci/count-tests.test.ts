// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { countTests } from './count-tests.mjs';

const report = (files: { status: string; assertionResults: unknown[] }[]) =>
  JSON.stringify({ numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1, testResults: files });

test.each([
  ['as counted', report([{ status: 'failed', assertionResults: [{}] }]), [5, 1, 3]],
  ['a file that did not load', report([{ status: 'failed', assertionResults: [] }]), [5, 2, 3]],
])('%s', (_name, text, expected) => {
  expect(countTests(text)).toEqual(expected);
});

test('a missing report is a failure', () => {
  const script = fileURLToPath(new URL('./count-tests.mjs', import.meta.url));
  expect(spawnSync(process.execPath, [script, '/nowhere/report.json'], { encoding: 'utf8' }).stdout).toBe('0 1 0\n');
});
