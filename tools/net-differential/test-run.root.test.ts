// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createHost } from '@tsbpf/host';
import { ENOTSUPP } from '@tsbpf/uapi';
import { createKernel } from 'tsbpf';
import { answers, FAMILIES, randomCase } from './test-run.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.log('skipped: test runs are compared as root on Linux');
const PROGRAMS = Number(process.env['TSBPF_PROGRAMS'] ?? 25);
const FIRST = Number(process.env['TSBPF_SEED'] ?? 0);
const PACKETS = 4;

describe.skipIf(!isRoot)(`test runs of ${PROGRAMS} random programs over ${PACKETS} random packets each`, () => {
  it.for(Object.keys(FAMILIES))('%s', (name, context) => {
    const host = createHost();
    const kernel = createKernel({ checked: true });
    for (let seed = FIRST; seed < FIRST + PROGRAMS; seed++) {
      const each = randomCase(name, seed, PACKETS);
      const theirs = answers(host, each, { late: true });
      if (theirs.every((line) => line.startsWith(`${-ENOTSUPP} `))) {
        context.skip('the running kernel has no test runs of this type; v5.6 has');
      }
      expect({ seed, source: each.source, answers: answers(kernel, each, { late: false }) }).toEqual({
        seed,
        source: each.source,
        answers: theirs,
      });
    }
  });
});
