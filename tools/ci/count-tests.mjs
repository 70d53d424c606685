// SPDX-License-Identifier: MIT
// Prints `passed failed skipped` of a vitest JSON report. A missing or broken report is one failure.
import { readFileSync } from 'node:fs';

/**
 * @param {string} text
 * @returns {[passed: number, failed: number, skipped: number]}
 */
export function countTests(text) {
  /** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, testResults: { status: string, assertionResults: unknown[] }[] }} */
  const report = JSON.parse(text);
  // A file that could not be loaded has no tests to fail.
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return [report.numPassedTests, report.numFailedTests + broken.length, report.numPendingTests + report.numTodoTests];
}

const path = process.argv[2];
if (path !== undefined && process.argv[1]?.endsWith('count-tests.mjs') === true) {
  let counts = [0, 1, 0];
  try {
    counts = countTests(readFileSync(path, 'utf8'));
  } catch (error) {
    console.error(`no test report: ${error instanceof Error ? error.message : String(error)}`);
  }
  console.log(counts.join(' '));
}
