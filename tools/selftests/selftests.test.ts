// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ENOENT, NotSupportedError } from '../../packages/uapi/src/index.ts';
import type { Sys } from '../../packages/uapi/src/index.ts';
import { BTF_KIND_FUNC, BTF_KIND_TYPEDEF, btfBlob, btfNames, firstTypes } from './btf-blob.ts';
import { parseTable } from './cases.ts';
import type { SelftestCase } from './cases.ts';
import { differingAspects, firstMisalignment, formatSummary, recordedAnswer, summarize } from './compare.ts';
import type { RecordedCase } from './compare.ts';
import { testsHeader } from './extract.ts';
import { insnBytes } from './insn-bytes.ts';
import { createCaseRunner, parseLog, progFlags } from './run-case.ts';
import type { Answer } from './run-case.ts';
import { readRecorded, recordedAnswersFile } from './run-table.ts';
import { sharedFile } from '../shared-data.ts';

const words = (...values: number[]): Uint8Array => new Uint8Array(new Uint32Array(values).buffer);
const EXIT = insnBytes([0x95, 0, 0, 0, 0]);
const TABLE = { mapBtfTypes: new Uint8Array(), mapBtfStrings: new Uint8Array(), cases: [] };

function caseOf(more: Partial<SelftestCase>): SelftestCase {
  return {
    file: 'x.c',
    index: 0,
    descr: 'x',
    generated: false,
    progType: 0,
    expectedAttachType: 0,
    flags: 0,
    result: 'accept',
    resultUnpriv: 'undef',
    errstr: null,
    errstrUnpriv: null,
    insnProcessed: 0,
    attachTo: null,
    fixups: {},
    kfuncs: [],
    runs: [{ retval: 0, retvalUnpriv: 0, data: new Uint8Array(64) }],
    expectedInsns: new Uint8Array(),
    unexpectedInsns: new Uint8Array(),
    insns: EXIT,
    ...more,
  };
}

type Call = [cmd: number, attr: Record<string, unknown>];

/** A Sys that answers fds from 10, or what `answer` says, and records calls. */
function fakeSys(answer: (cmd: number, attr: Record<string, unknown>) => number | undefined): {
  sys: Sys;
  calls: Call[];
  closed: number[];
} {
  const calls: Call[] = [];
  const closed: number[] = [];
  let next = 10;
  const sys = {
    bpf(cmd: number, attr: Record<string, unknown>) {
      calls.push([cmd, structuredClone({ ...attr, log_buf: undefined })]);
      return answer(cmd, attr) ?? (cmd === 2 || cmd === 10 ? 0 : next++);
    },
    close: (fd: number) => (closed.push(fd), 0),
    readFile: () => -ENOENT,
  } as unknown as Sys;
  return { sys, calls, closed };
}

describe('the table', () => {
  it('is included file by file in byte order, each after a marker', () => {
    expect(testsHeader(['b.c', 'tests.h', 'a_b.c', 'a.c', '.gitignore'])).toBe(
      ['a.c', 'a_b.c', 'b.c'].map((name) => `{ .descr = "\\001" "${name}" },\n#include "${name}"\n`).join(''),
    );
  });

  it('is read from a header and lines', () => {
    const line = { ...caseOf({}), insns: '9500000000000000', expectedInsns: '', unexpectedInsns: '' };
    const runs = [{ retval: null, retvalUnpriv: 0, data: '0102' }];
    const text = `{"mapBtfTypes":"01","mapBtfStrings":"00"}\n${JSON.stringify({ ...line, runs })}\n`;
    const { mapBtfTypes, cases } = parseTable(text);
    expect(mapBtfTypes).toEqual(new Uint8Array([1]));
    expect(cases[0]?.insns).toEqual(EXIT);
    expect(cases[0]?.runs[0]?.data).toEqual(new Uint8Array([1, 2]));
  });
});

describe('BTF', () => {
  // int; func "f" -> 3; func_proto; typedef "t"
  const types = words(1, 0x01000000, 4, 32, 5, 0x0c000000, 3, 0, 0x0d000000, 1, 7, 0x08000000, 1);
  const blob = btfBlob(types, new TextEncoder().encode('\0int\0f\0t\0'));

  it('finds types by kind and name', () => {
    const find = btfNames(blob);
    expect([find(BTF_KIND_FUNC, 'f'), find(BTF_KIND_TYPEDEF, 't'), find(BTF_KIND_TYPEDEF, 'f')]).toEqual([2, 4, 0]);
    expect(() => btfNames(new Uint8Array(30))).toThrow(/Not a BTF/);
  });

  it('is cut after a type', () => {
    expect(firstTypes(types, 1)).toHaveLength(16);
    expect(firstTypes(types, 3)).toHaveLength(40);
    expect(firstTypes(types, 9)).toHaveLength(types.length);
  });
});

describe('a case', () => {
  it('loads with patched instructions and closes everything', () => {
    const insns = insnBytes([0xb7, 0, 0, 0, 0], [0x18, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0]);
    const { sys, calls, closed } = fakeSys(() => undefined);
    const runner = createCaseRunner(sys, TABLE);
    const answer = runner.run(caseOf({ insns, fixups: { map_array_48b: [1] }, flags: 3 }));
    expect(answer).toMatchObject({ accepts: true, errno: 0, message: null, retvals: [0] });
    expect(calls.map(([cmd]) => cmd)).toEqual([0, 2, 5, 10]);
    expect(calls[0]?.[1]).toMatchObject({ map_type: 2, key_size: 4, value_size: 48, max_entries: 1, map_flags: 0 });
    const loaded = calls[2]?.[1] as { insns: Uint8Array; prog_flags: number; prog_type: number; log_level: number };
    expect(new DataView(loaded.insns.buffer).getInt32(12, true)).toBe(10);
    expect(loaded).toMatchObject({ prog_flags: 7, prog_type: 1, log_level: 4 });
    expect(closed).toEqual([11, 10]);
    expect(insns[12]).toBe(0);
  });

  it('makes program arrays of three programs', () => {
    const { sys, calls, closed } = fakeSys(() => undefined);
    createCaseRunner(sys, TABLE).run(caseOf({ fixups: { prog2: [0] }, progType: 6 }));
    expect(calls.map(([cmd]) => cmd)).toEqual([0, 5, 2, 5, 2, 5, 2, 5, 10]);
    expect(calls[0]?.[1]).toMatchObject({ map_type: 3, max_entries: 8 });
    expect(calls[4]?.[1]).toMatchObject({ map_fd: 10, key: new Uint8Array([1, 0, 0, 0]) });
    expect(closed).toHaveLength(5);
  });

  it('gives errno, message and counters of a rejection', () => {
    const log = 'R0 !read_ok\nverification time 9 usec\nstack depth 0\nprocessed 1 insns (limit 1000000) ';
    const { sys } = fakeSys((cmd, attr) => {
      if (cmd !== 5) return undefined;
      new TextEncoder().encodeInto(
        `${log}max_states_per_insn 0 total_states 2 peak_states 1 mark_read 0\n\0`,
        attr['log_buf'] as Uint8Array,
      );
      return -13;
    });
    expect(createCaseRunner(sys, TABLE).run(caseOf({}))).toEqual({
      accepts: false,
      errno: 13,
      message: 'R0 !read_ok',
      insns: 1,
      total_states: 2,
      peak_states: 1,
      retvals: [],
    });
  });

  it('is not judged where the system lacks something, does not support it, or throws', () => {
    const run = (fail: () => number, more: Partial<SelftestCase> = {}) =>
      createCaseRunner(fakeSys(fail).sys, TABLE).run(caseOf(more));
    expect(run(() => -22, { fixups: { map_ringbuf: [0] } })).toEqual({ env: 'map_ringbuf: EINVAL' });
    expect(run(() => 3, { progType: 26, attachTo: 'f' })).toEqual({ env: 'f not found in vmlinux BTF' });
    const unsupported = new NotSupportedError('no such type', { errno: 22, feature: 'x' });
    const raise = (error: unknown) => () => {
      throw error;
    };
    expect(run(raise(unsupported))).toEqual({ env: 'not supported: no such type' });
    expect(run(raise(new TypeError('oops')))).toEqual({ env: 'threw TypeError: oops' });
  });

  it('has the flags and log lines of test_verifier', () => {
    expect([0, 1, 2, 3, 8].map(progFlags)).toEqual([4, 6, 5, 7, 12]);
    expect(parseLog('', false)).toEqual({ message: null, insns: null, total_states: null, peak_states: null });
    expect(parseLog('a\n old state:\n R0=1\n', false).message).toBe('R0=1');
  });
});

const logsFile = sharedFile('conformance', 'logs-5.6.4-and-6.18.json');
const recordedFile = recordedAnswersFile();
const noReference = logsFile === undefined || recordedFile === undefined;
if (noReference) console.log('skipped: there are no recorded logs beside the repository');

describe.skipIf(noReference)('recorded logs', () => {
  type Log = { index: number; linux_5_6_4_log?: string; linux_6_18_log?: string };
  const logs = noReference ? [] : (JSON.parse(readFileSync(logsFile, 'utf8')) as { cases: Log[] }).cases;
  const recorded = noReference ? [] : readRecorded(recordedFile);

  it('are read as the recorded answers were', () => {
    let compared = 0;
    for (const { index, linux_5_6_4_log, linux_6_18_log } of logs)
      for (const [kernel, log] of [
        ['5.6.4', linux_5_6_4_log],
        ['6.18', linux_6_18_log],
      ] as const) {
        const answer = recordedAnswer(recorded[index]!, kernel);
        if (log === undefined || log === null || !('accepts' in answer)) continue;
        const { message, insns, total_states, peak_states } = answer;
        expect(parseLog(log, answer.accepts), `#${index} ${kernel}`).toEqual({
          message,
          insns,
          total_states,
          peak_states,
        });
        compared++;
      }
    expect(compared).toBeGreaterThan(150);
  });
});

describe('comparing', () => {
  const yes: Answer = {
    accepts: true,
    errno: 0,
    message: null,
    insns: 2,
    total_states: 0,
    peak_states: 0,
    retvals: [1],
  };
  const no: Answer = { ...yes, accepts: false, errno: 13, message: 'm', retvals: [] };
  const record = (index: number, answer: RecordedCase['linux_6_18']): RecordedCase => ({
    file: 'x.c',
    index,
    descr: `case ${index}`,
    linux_5_6_4: { env: 'none' },
    linux_6_18: answer,
  });

  it('names the aspects that differ', () => {
    expect(differingAspects(yes, { ...yes })).toEqual([]);
    expect(differingAspects(yes, no)).toEqual(['verdict', 'message', 'retvals']);
    expect(differingAspects(no, { ...no, errno: 22 })).toEqual(['verdict']);
    expect(differingAspects(no, { ...no, peak_states: 1 })).toEqual(['counters']);
    expect(differingAspects(yes, { env: 'x' })).toHaveLength(4);
    expect(differingAspects({ env: 'x' }, yes)).toEqual([]);
  });

  it('compares results of runs, but for addresses', () => {
    expect(differingAspects(yes, { ...yes, retvals: [9] }, [{ retval: 1 }])).toEqual(['retvals']);
    expect(differingAspects(yes, { ...yes, retvals: [9] }, [{ retval: null }])).toEqual([]);
    expect(differingAspects(yes, { ...yes, retvals: [] }, [{ retval: null }])).toEqual(['retvals']);
  });

  it('counts what is equal of what was judged', () => {
    const pairs = [
      { recorded: record(0, yes), actual: yes },
      { recorded: record(1, no), actual: yes },
      { recorded: record(2, { env: 'x' }), actual: yes },
      { recorded: record(3, no), actual: { env: 'y' } },
    ];
    const summary = summarize('6.18', pairs);
    expect(summary).toMatchObject({ cases: 4, judged: 3, lacking: 1, identical: 1 });
    expect(summary.equal).toEqual({ verdict: 1, message: 1, counters: 2, retvals: 1 });
    const text = formatSummary(summary, { maxDifferences: 1 });
    expect(text).toContain('verdict and errno  1/3 (33.33%)');
    expect(text).toContain('#1 x.c "case 1": verdict, message, retvals\n  - errno 13');
    expect(text).toContain('and 1 more');
    expect(summarize('5.6.4', pairs).judged).toBe(0);
  });

  it('notices a table that is not the recorded one', () => {
    const recorded = [record(0, yes), record(1, yes)];
    expect(firstMisalignment(recorded, recorded)).toBeUndefined();
    expect(firstMisalignment(recorded.slice(1), recorded)).toBe('1 cases, 2 recorded');
    expect(firstMisalignment([record(0, yes), record(2, yes)], recorded)).toContain('case 1 is x.c #2');
  });
});
