// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PageRuns, binOf } from './page-runs.ts';

describe('PageRuns', () => {
  it('orders bins by length', () => {
    let last = -1;
    for (let pages = 1; pages <= 1 << 20; pages++) {
      const bin = binOf(pages);
      if (bin < last || bin > last + 1) expect.fail(`bin of ${pages} is ${bin} after ${last}`);
      last = bin;
    }
    expect(last).toBeLessThan(128);
  });

  it('takes the smallest run that fits', () => {
    const runs = new PageRuns(16);
    runs.extend(16 + 1000);
    const marks = [300, 1, 100, 1, 200, 1].map((pages) => runs.take(pages));
    runs.give(marks[0], 300);
    runs.give(marks[2], 100);
    runs.give(marks[4], 200);
    expect(runs.take(90)).toBe(marks[2]);
    expect(runs.take(199)).toBe(marks[4]);
    expect(runs.take(201)).toBe(marks[0]);
  });

  it('aligns, and gives back what alignment cut off', () => {
    const runs = new PageRuns(16);
    runs.extend(600);
    const page = runs.take(10, 256);
    expect(page).toBe(256);
    expect([...runs.freeRuns()].reduce((sum, run) => sum + run.pages, 0)).toBe(600 - 16 - 10);
    runs.give(page, 10);
    expect([...runs.freeRuns()]).toEqual([{ start: 16, pages: 584 }]);
  });

  it('agrees with a bitmap, and always coalesces', () => {
    const op = fc.record({ take: fc.boolean(), pages: fc.integer({ min: 1, max: 90 }), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 200 }), (ops) => {
        const runs = new PageRuns(16);
        runs.extend(1024);
        const used = new Uint8Array(1024).fill(1, 0, 16);
        const live: { start: number; pages: number }[] = [];
        for (const { take, pages, pick } of ops) {
          if (take) {
            const gaps = gapsOf(used).filter((gap) => gap.pages >= pages);
            const start = runs.take(pages);
            if (start === 0) {
              expect(gaps).toEqual([]);
              continue;
            }
            const home = gaps.find((gap) => start >= gap.start && start + pages <= gap.start + gap.pages);
            expect(home?.pages).toBe(Math.min(...gaps.map((gap) => gap.pages)));
            used.fill(1, start, start + pages);
            live.push({ start, pages });
          } else if (live.length > 0) {
            const [gone] = live.splice(pick % live.length, 1);
            runs.give(gone.start, gone.pages);
            used.fill(0, gone.start, gone.start + gone.pages);
          }
          expect([...runs.freeRuns()].sort((a, b) => a.start - b.start)).toEqual(gapsOf(used));
        }
      }),
      { numRuns: 60 },
    );
  });
});

function gapsOf(used: Uint8Array): { start: number; pages: number }[] {
  const gaps: { start: number; pages: number }[] = [];
  for (let page = 0; page < used.length; page++) {
    if (used[page] === 1) continue;
    const start = page;
    while (page < used.length && used[page] === 0) page++;
    gaps.push({ start, pages: page - start });
  }
  return gaps;
}
