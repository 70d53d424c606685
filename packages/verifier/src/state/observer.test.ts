// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { verifyText } from '../../test/rig.ts';

const TEXT = `r6 = *(u32 *)(r1 +0)
  if r6 == 1 goto +1
  r6 = 2
  r0 = 0
  exit`;

describe('watching an analysis', () => {
  it('shows every instruction of every path, and which came from which', () => {
    const seen: [insnIdx: number, from: number | undefined][] = [];
    verifyText(TEXT, {
      observer: {
        step: ({ step, before }) => void seen.push([step.insnIdx, before?.insnIdx]),
        pruned: () => undefined,
      },
    });
    const fallsThrough = [0, 1, 2, 3, 4].map((idx) => [idx, idx === 0 ? undefined : idx - 1]);
    expect(seen).toEqual([...fallsThrough, [3, 1], [4, 3]]);
  });

  it('goes on unobserved where the observer has seen enough, with the same result', () => {
    let seen = 0;
    const { log, errno } = verifyText(TEXT, {
      observer: {
        get done() {
          return seen === 2;
        },
        step: () => void seen++,
        pruned: () => undefined,
      },
    });
    expect(seen).toBe(2);
    expect({ log, errno }).toEqual({ log: verifyText(TEXT).log, errno: 0 });
  });
});
