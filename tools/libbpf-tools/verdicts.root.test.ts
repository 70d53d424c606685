// SPDX-License-Identifier: MIT
// Every program of the objects inside Debian's libbpf-tools: Linux 5.6 takes it, or what it lacks has a version.
import { describe, expect, it } from 'vitest';
import { BPF_PROG_TYPE_NAMES } from 'tsbpf';
import { agree, judgeAll, ruleOf, type Row } from './verdicts.ts';

const { rows, reason } = judgeAll();
if (rows.length === 0) console.log("verdicts of libbpf-tools: skipped, needs Debian's package libbpf-tools");
else if (reason !== undefined) console.log(`verdicts of libbpf-tools, beside the running kernel: skipped, ${reason}`);

const named = (list: readonly Row[]): (readonly [string, Row])[] =>
  list.map((row) => [`${row.prog.tool}: ${row.prog.name}`, row] as const);

describe.skipIf(rows.length === 0)('on Linux 5.6', () => {
  it.each(named(rows))('%s verifies, or needs a later version', (_name, { linux56, rule }) => {
    if (linux56.verdict === 'accepted') return;
    expect(rule?.since, `${linux56.verdict}, ${linux56.errno}: ${linux56.message}`).toMatch(/^5\.\d+$/);
  });

  it('all kinds of tracing programs are among them', () => {
    const accepted = rows.filter(({ linux56 }) => linux56.verdict === 'accepted');
    expect(new Set(accepted.map(({ prog }) => BPF_PROG_TYPE_NAMES[prog.type]))).toEqual(
      new Set(
        ['KPROBE', 'TRACEPOINT', 'PERF_EVENT', 'RAW_TRACEPOINT', 'TRACING'].map((type) => `BPF_PROG_TYPE_${type}`),
      ),
    );
    expect(accepted.length).toBeGreaterThan(rows.length / 2);
  });
});

const judged = rows.filter(({ running }) => running !== undefined && running.verdict !== 'not judged');

describe.skipIf(judged.length === 0)('beside the running kernel', () => {
  it.each(named(judged))('%s: the same verdict, or a rule with a version', (_name, { onTheseTypes, running }) => {
    if (onTheseTypes === undefined || running === undefined) return;
    if (agree(onTheseTypes, running)) return;
    expect(running.verdict, JSON.stringify({ onTheseTypes, running })).toBe('accepted');
    expect(ruleOf(onTheseTypes)?.since, JSON.stringify({ onTheseTypes, running })).toMatch(/^5\.\d+$/);
  });
});
