// SPDX-License-Identifier: MIT
// Prints what Linux 5.6 and the running kernel say to every program of Debian's libbpf-tools.
//   pnpm libbpf-tools [--all]
// Without --all only the programs that 5.6 does not take, or on which the two differ; then a summary by program type.
import { parseArgs } from 'node:util';
import { BPF_PROG_TYPE_NAMES } from 'tsbpf';
import type { Judgement } from './programs.ts';
import { agree, judgeAll, ruleOf, type Row } from './verdicts.ts';

const show = (judgement: Judgement | undefined): string =>
  judgement === undefined
    ? '-'
    : judgement.verdict === 'accepted'
      ? 'accepted'
      : `${judgement.verdict} ${judgement.errno}: ${judgement.message}`;

function line({ prog, linux56, rule, onTheseTypes, running }: Row): string {
  const differs = onTheseTypes !== undefined && running !== undefined && !agree(onTheseTypes, running);
  const why = rule ?? (differs && onTheseTypes !== undefined ? ruleOf(onTheseTypes) : undefined);
  const since = why === undefined ? '' : `  since ${why.since}: ${why.what}`;
  return `${prog.tool} ${prog.name} (${prog.section})\n  5.6: ${show(linux56)}\n  running: ${show(running)}${since === '' ? '' : `\n${since}`}`;
}

function main(): number {
  const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
  const { rows, reason } = judgeAll();
  if (rows.length === 0) {
    console.error("needs Debian's package libbpf-tools");
    return 1;
  }
  if (reason !== undefined) console.log(`the running kernel was not asked: ${reason}`);
  const differs = ({ onTheseTypes: a, running: b }: Row): boolean =>
    a !== undefined && b !== undefined && b.verdict !== 'not judged' && !agree(a, b);
  for (const row of rows) if (values.all || row.linux56.verdict !== 'accepted' || differs(row)) console.log(line(row));

  const types = [...new Set(rows.map(({ prog }) => prog.type))].sort((a, b) => a - b);
  const count = (list: readonly Row[], test: (row: Row) => boolean): string =>
    String(list.filter(test).length).padStart(8);
  console.log(
    '\ntype                        programs  5.6 takes  needs later  unexplained  running judges  agree  explained',
  );
  let unexplained = 0;
  for (const type of [...types, undefined]) {
    const list = type === undefined ? rows : rows.filter(({ prog }) => prog.type === type);
    const judged = list.filter(({ running }) => running !== undefined && running.verdict !== 'not judged');
    const open = (row: Row): boolean => row.linux56.verdict !== 'accepted' && row.rule === undefined;
    const mute = (row: Row): boolean =>
      differs(row) && (row.onTheseTypes === undefined || ruleOf(row.onTheseTypes) === undefined);
    if (type === undefined) unexplained = list.filter((row) => open(row) || mute(row)).length;
    const name =
      type === undefined
        ? 'all'
        : (BPF_PROG_TYPE_NAMES[type] ?? String(type)).replace('BPF_PROG_TYPE_', '').toLowerCase();
    const columns = [
      count(list, () => true),
      count(list, ({ linux56 }) => linux56.verdict === 'accepted'),
      count(list, ({ linux56, rule }) => linux56.verdict !== 'accepted' && rule !== undefined),
      count(list, open),
      count(judged, () => true),
      count(judged, (row) => !differs(row)),
      count(judged, (row) => differs(row) && !mute(row)),
    ];
    console.log(`${name.padEnd(28)}${columns.join('   ')}`);
  }
  return unexplained === 0 ? 0 : 1;
}

process.exitCode = main();
