// SPDX-License-Identifier: MIT
// Shows where each message of Linux v5.6's verifier and BTF code is raised here, and fails where one is not, or in more
// places than in Linux:
//
//   npx tsx --conditions=@tsbpf/source tools/verifier-messages/check.ts [--all]
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sharedFile } from '../shared-data.ts';
import { assignTexts, isBtfLoad, isTellable, type MessageRow, parseRows } from './match.ts';
import { NOT_RAISED } from './not-raised.ts';
import { type SourceText, textsOf } from './texts.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function textsIn(dir: string): SourceText[] {
  return readdirSync(join(ROOT, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .flatMap((file) => textsOf(file, readFileSync(join(ROOT, file), 'utf8')));
}

/**
 * What is to be said of a message; undefined where all is well. The reference names the places of BPF_BTF_LOAD's
 * messages by function, so there only their absence is told.
 */
function problemOf(rows: readonly MessageRow[], texts: readonly SourceText[]): string | undefined {
  const raised = rows.filter((row) => NOT_RAISED[row.at] === undefined);
  if (raised.length === 0) return texts.length === 0 ? undefined : 'is raised although not-raised.ts lists it';
  if (texts.length === 0) return isTellable(rows[0]) ? 'is raised nowhere' : 'is too short to be found: list it';
  return texts.length > raised.length && !isBtfLoad(rows[0])
    ? `is raised in ${texts.length} places, ${raised.length} in Linux`
    : undefined;
}

function report(rows: readonly MessageRow[], texts: readonly SourceText[], problem: string | undefined): void {
  const lines = [
    ...rows.map((row) => `${row.at} ${row.func}`),
    ...texts.map((text) => `-> ${text.file}:${text.line}`),
    ...rows.flatMap(({ at }) => (NOT_RAISED[at] === undefined ? [] : [`-- ${at}: ${NOT_RAISED[at]}`])),
  ];
  const title = `${JSON.stringify(rows[0].format)}${problem === undefined ? '' : `  PROBLEM: ${problem}`}`;
  process.stdout.write([title, ...lines.map((line) => `    ${line}`), ''].join('\n'));
}

/** Problems among the rows of one command. */
function checkRows(rows: readonly MessageRow[], sources: string, all: boolean): number {
  const texts = assignTexts(rows, textsIn(sources));
  const byFormat = new Map<string, MessageRow[]>();
  for (const row of rows) byFormat.set(row.format, [...(byFormat.get(row.format) ?? []), row]);
  let problems = 0;
  for (const [format, same] of byFormat) {
    const found = texts.get(format) ?? [];
    const problem = problemOf(same, found);
    if (problem !== undefined) problems++;
    if (problem !== undefined || all) report(same, found, problem);
  }
  return problems;
}

function main(): number {
  const tsv = sharedFile('reference', 'verifier', 'messages.tsv');
  if (tsv === undefined) {
    process.stdout.write('skipped: the reference data is not there\n');
    return 0;
  }
  const all = process.argv.includes('--all');
  const rows = parseRows(readFileSync(tsv, 'utf8'));
  const known = new Set(rows.map((row) => row.at));
  const stale = Object.keys(NOT_RAISED).filter((at) => !known.has(at));
  for (const at of stale) process.stdout.write(`not-raised.ts lists ${at}, which is no row\n`);
  const problems =
    stale.length +
    checkRows(
      rows.filter((row) => !isBtfLoad(row)),
      'packages/verifier/src',
      all,
    ) +
    checkRows(rows.filter(isBtfLoad), 'packages/btf/src/validate', all);
  process.stdout.write(`${rows.length} rows, ${problems} problems\n`);
  return problems === 0 ? 0 : 1;
}

process.exitCode = main();
