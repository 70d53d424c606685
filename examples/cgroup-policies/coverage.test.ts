// SPDX-License-Identifier: MIT
// The table of what is compared is whole: each attach type of v5.6, with cases that exist and a program that does.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { BPF_ATTACH_TYPE_NAMES, createKernel, openObject } from 'tsbpf';
import { expect, test } from 'vitest';
import * as cases from './differential/cases.ts';
import { COVERAGE } from './differential/coverage.ts';

const ALL = [cases.CASES, cases.EVENT_CASES, cases.OPTION_CASES, cases.PACKET_CASES, cases.POST_BIND_CASES].flat();

test('every attach type of cgroups is compared, or said not to be', () => {
  const names = Object.values(BPF_ATTACH_TYPE_NAMES).filter((name) => name.startsWith('BPF_CGROUP_'));
  expect(Object.keys(COVERAGE).sort()).toEqual([...names].sort());
  const object = readFileSync(resolve(import.meta.dirname, 'differential/probe.bpf.o'));
  const programs = [...openObject(object, { sys: createKernel() }).progs].map(({ name }) => name);
  for (const [name, { cases: hooks, program }] of Object.entries(COVERAGE)) {
    expect(programs, name).toContain(program);
    for (const hook of hooks)
      expect(ALL.filter((one) => one.hook === hook).length, `${name}: ${hook}`).toBeGreaterThan(0);
  }
  const named = new Set(Object.values(COVERAGE).flatMap(({ cases: hooks }) => hooks));
  expect(
    [...new Set(ALL.map(({ hook }) => hook))].filter((hook) => !named.has(hook)),
    'cases of no attach type',
  ).toEqual([]);
});

test('the package says the same', () => {
  const readme = readFileSync(resolve(import.meta.dirname, '../../packages/cgroup/README.md'), 'utf8');
  for (const [name, { leftOut }] of Object.entries(COVERAGE)) {
    const line = readme.split('\n').find((row) => row.startsWith(`| \`${name.replace('BPF_CGROUP_', '')}\``));
    expect(line, name).toBeDefined();
    if (leftOut !== undefined) expect(line, name).toContain(leftOut);
  }
});
