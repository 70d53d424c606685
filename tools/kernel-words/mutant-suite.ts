// SPDX-License-Identifier: MIT
// An example and its mutants on the simulated Linux 5.6 and on the running kernel: same verdict, errno and last message,
// same return values, bytes and maps. Where the two versions' rules differ, a row says which rule it is.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKernel, type BpfObject, type Sys } from 'tsbpf';
import { CLANG, compile, mutate, type Mutant } from './mutant.ts';
import { runningKernel } from './running-kernel.ts';
import type { Answer, VersionRule } from './version-rules.ts';
import { ACCEPTED, entriesOf, judge, outcome, packets, refusedSince617, type Verdict } from './verdict.ts';
import { inWordsOf56 } from './words.ts';

const PACKETS = 200;

export interface MutantSuite {
  readonly title: string;
  readonly source: URL;
  /** The program that packets are run over. */
  readonly prog: string;
  /** Maps whose entries must be the same afterwards. */
  readonly maps: readonly string[];
  readonly mutants: readonly Mutant[];
  readonly different: Readonly<Record<string, VersionRule>>;
  /** Settings of the object on both kernels, before it is loaded: what makes runs depend on packets only. */
  readonly prepare?: (obj: BpfObject) => void;
}

function matches(verdict: Verdict, wanted: Answer): void {
  expect(verdict.message).toMatch(wanted.message);
  expect(verdict.errno).toBe(wanted.errno);
}

/** Defines the tests of a suite; skipped, and said so, where there is no compiler or no kernel to compare with. */
export function describeMutants(suite: MutantSuite): void {
  const { title, mutants, different } = suite;
  const kernel = spawnSync(CLANG, ['--version']).status === 0 ? runningKernel() : { reason: `no ${CLANG}` };
  if ('reason' in kernel) console.log(`${title}: skipped, ${kernel.reason}`);

  describe.skipIf('reason' in kernel)(title, () => {
    let dir = '';
    beforeAll(() => {
      dir = mkdtempSync(join(tmpdir(), 'tsbpf-mutants-'));
    });
    afterAll(() => rmSync(dir, { recursive: true, force: true }));
    const load = (bytes: Uint8Array, sys: Sys): ReturnType<typeof judge> =>
      judge(bytes, { sys, name: 'mutant', ...(suite.prepare === undefined ? {} : { prepare: suite.prepare }) });

    const cases = [{ name: 'the program as it is', edits: [] }, ...mutants];
    it.each(cases.map((mutant) => [mutant.name, mutant] as const))('%s', (name, mutant) => {
      if ('reason' in kernel) return;
      const bytes = compile(mutate(readFileSync(suite.source, 'utf8'), mutant), dir);
      const real = load(bytes, kernel.host);
      const sim = load(bytes, createKernel());
      try {
        const rule = different[name];
        if (rule !== undefined) {
          matches(real.verdict, rule.today);
          matches(sim.verdict, rule);
          return;
        }
        expect(sim.verdict).toEqual({ ...real.verdict, message: inWordsOf56(real.verdict.message) });
        if (sim.verdict !== ACCEPTED) return;
        for (const [i, data] of packets(PACKETS).entries()) {
          const [ours, theirs] = [sim.obj.program(suite.prog), real.obj.program(suite.prog)];
          if (refusedSince617(theirs, data)) expect(outcome(theirs, data)).toEqual({ errno: 'EINVAL' });
          else expect(outcome(ours, data), `packet ${i}`).toEqual(outcome(theirs, data));
        }
        for (const map of suite.maps) expect(entriesOf(sim.obj, map), map).toEqual(entriesOf(real.obj, map));
      } finally {
        real.obj.close();
        sim.obj.close();
      }
    });

    it('has a rule for nothing that is not there', () => {
      expect(Object.keys(different).filter((name) => !mutants.some((mutant) => mutant.name === name))).toEqual([]);
    });
  });
}
