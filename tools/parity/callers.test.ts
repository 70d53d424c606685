// SPDX-License-Identifier: MIT
// Each program type of v5.6 has a caller, which calls a verified program of that type on both engines.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BPF_PROG_TYPE_NAMES } from 'tsbpf';
import { CALLERS, CallerWorld } from './callers.ts';

/** Types that nobody calls yet, besides BPF_PROG_TEST_RUN. */
const UNCALLED: readonly string[] = [];
const nameOf = (type: number): string => (BPF_PROG_TYPE_NAMES[type] ?? '').replace('BPF_PROG_TYPE_', '');
const types = Array.from({ length: 28 }, (_, i) => i + 1);

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  it.each(types.filter((type) => CALLERS[type] !== undefined).map((type) => [nameOf(type), type] as const))(
    '%s',
    (_name, type) => {
      const world = new CallerWorld(engine, type);
      expect(CALLERS[type]?.call(world)).toBeGreaterThan(0);
    },
  );
});

it('the table names all types', () => {
  expect(types.filter((type) => CALLERS[type] === undefined).map(nameOf)).toEqual(UNCALLED);
});

it.each(types.flatMap((type) => (CALLERS[type] === undefined ? [] : [[nameOf(type), CALLERS[type]] as const])))(
  'the caller of %s is where the table says',
  (_name, { file, name }) => {
    const path = new URL(`../../${file}`, import.meta.url);
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`\\b${name}`, 'i'));
  },
);
