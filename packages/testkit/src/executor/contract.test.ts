// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createInterpreter } from '@tsbpf/interpreter';
import { createJit } from '@tsbpf/jit';
import { executorContract } from './contract.ts';

describe('interpreter', () => {
  it.each(executorContract((kernel) => createInterpreter(kernel)))('$name', ({ actual, expected }) =>
    expect(actual()).toEqual(expected),
  );
});

describe('JIT', () => {
  const make = executorContract((kernel) => createJit(kernel, { fallback: createInterpreter(kernel) }));
  it.each(make)('$name', ({ actual, expected }) => expect(actual()).toEqual(expected));
});

describe('JIT with real atomics', () => {
  const make = executorContract((kernel) =>
    createJit(kernel, { fallback: createInterpreter(kernel), atomics: 'always' }),
  );
  it.each(make)('$name', ({ actual, expected }) => expect(actual()).toEqual(expected));
});

describe('JIT on shared memory', () => {
  const make = executorContract((kernel) => createJit(kernel, { fallback: createInterpreter(kernel) }), {
    memory: { shared: true, maximumPages: 4096 },
  });
  it.each(make)('$name', ({ actual, expected }) => expect(actual()).toEqual(expected));
});
