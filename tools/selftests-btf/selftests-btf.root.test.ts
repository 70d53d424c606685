// SPDX-License-Identifier: MIT
// BTF, its users and its dumps against Linux 6.1's own cases. Needs Debian's linux-source-6.1 and a C compiler, for C
// dumps clang, and for the running kernel's answers root and Linux 6.18.
import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Sys } from '../../packages/uapi/src/index.ts';
import { runningKernel } from '../kernel-words/running-kernel.ts';
import { openSys } from '../open-sys.ts';
import { KNOWN_SINCE_5_7, runAlignCase } from './align.ts';
import { differsFromRules, explainingVersion, unexpected } from './compare.ts';
import { MERGED_SINCE_1_1, mergesAsExpected } from './dedup.ts';
import { dumpSources } from './dump.ts';
import { extractTables, whyNoCases } from './extract.ts';
import { runBtfCase } from './run-btf.ts';
import { alignCases, btfCases, type BtfCase, type DedupCase, type InfoCase, type RawCase } from './tables.ts';

const why = whyNoCases();
if (why !== undefined) console.log(`skipped: ${why}`);
const clang = ['clang-16', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
if (clang === undefined) console.log('skipped: C dumps need clang');
const running = runningKernel();
const host = 'host' in running && release().startsWith('6.18') ? running.host : undefined;
if (host === undefined) console.log('skipped: the running kernel is no 6.18 that lets us load programs');

const loaded = (test: BtfCase): test is RawCase | InfoCase => test.kind !== 'dedup';

describe.skipIf(why !== undefined)('the BTF cases of Linux 6.1', () => {
  it('are answered by the simulated 5.6 as expected, but for what a later rule explains', async () => {
    const sys: Sys = await openSys('sim');
    const tests = btfCases(extractTables()).filter(loaded);
    expect(tests).toHaveLength(193);
    const explained = new Map<string, number>();
    for (const test of tests) {
      const answer = runBtfCase(sys, test);
      const found = unexpected(test, answer);
      if (found.length === 0) continue;
      const version = explainingVersion(test, answer);
      expect(version, `${test.descr}: ${found.join(', ')}`).toBeDefined();
      explained.set(version ?? '', (explained.get(version ?? '') ?? 0) + 1);
    }
    expect(Object.fromEntries(explained)).toEqual({ '5.12': 1, '5.13': 6, '5.16': 16, '5.17': 6, '6.0': 2, '6.3': 1 });
  });

  it.skipIf(host === undefined)('are answered by the running 6.18 as by its rules here, log and all', async () => {
    const sys = await openSys('sim');
    for (const test of btfCases(extractTables()).filter(loaded)) {
      const answer = runBtfCase(host as Sys, test);
      expect(differsFromRules(test, answer, '6.18'), test.descr ?? '').toBeUndefined();
      const ours = runBtfCase(sys, test);
      if (ours.load !== 'OK') continue;
      const { use, counts, funcTypes } = answer;
      expect([ours.use, ours.counts, ours.funcTypes], test.descr ?? '').toEqual([use, counts, funcTypes]);
    }
  });

  it('merge to what is expected', () => {
    const tests = btfCases(extractTables()).filter((test): test is DedupCase => test.kind === 'dedup');
    expect(tests).toHaveLength(21);
    const others = tests.filter((test) => !mergesAsExpected(test)).map(({ descr }) => descr);
    expect(others).toEqual(MERGED_SINCE_1_1);
  });

  it.skipIf(clang === undefined)('dump to the C that their sources expect', () => {
    const dumps = dumpSources(extractTables().dumps, clang ?? '');
    expect(dumps).toHaveLength(7);
    for (const { name, expected, actual } of dumps) {
      expect(expected.length, name).toBeGreaterThan(100);
      expect(actual, name).toBe(expected);
    }
  });
});

describe.skipIf(why !== undefined)('the alignment cases of Linux 6.1', () => {
  it('find the registers in the log of the simulated 5.6', async () => {
    const sys = await openSys('sim');
    const tests = alignCases(extractTables());
    expect(tests.flatMap(({ matches }) => matches)).toHaveLength(114);
    const missing = tests.flatMap((test) => {
      const answer = runAlignCase(sys, test);
      expect(answer.accepts, test.descr).toBe(!test.loadFails);
      return answer.missing.map(({ insn }) => ({ descr: test.descr, insn }));
    });
    expect(missing).toEqual(KNOWN_SINCE_5_7);
  });
});
