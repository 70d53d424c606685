// SPDX-License-Identifier: MIT
import { release } from 'node:os';
import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/files.ts';
import { openKernelBtfLoad } from '../../test/kernel.ts';
import { createPrng, makeLoadable, mutate } from '../../test/prng.ts';
import { validateBtf } from './validate.ts';

const load = release().startsWith('6.18') ? openKernelBtfLoad() : undefined;
if (!load) console.log('skipped: comparing BPF_BTF_LOAD needs root, koffi and Linux 6.18');

describe.skipIf(!load)('validateBtf against the running kernel', () => {
  it.each(['layouts.btf', 'core.btf', 'values.btf'])('agrees on mutations of %s', (name) => {
    const source = makeLoadable(fixture(name));
    const prng = createPrng(17);
    for (let i = 0; i < 1500; i++) {
      const bytes = i === 0 ? source : mutate(source, prng);
      expect({ i, ...validateBtf(bytes, { version: '6.18', logLevel: 1 }) }).toEqual({ i, ...load?.(bytes) });
    }
  });
});
