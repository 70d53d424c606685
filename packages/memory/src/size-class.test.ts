// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { MAX_SMALL_BYTES, SIZE_CLASSES, sizeClassOf } from './size-class.ts';

it('finds the smallest class that holds and aligns, for every length and alignment', () => {
  for (const align of [1, 8, 16, 32, 64, 128, 512, 4096]) {
    for (let len = 0; len <= MAX_SMALL_BYTES; len++) {
      const wanted = SIZE_CLASSES.findIndex((size) => size >= Math.max(len, 1) && size % align === 0);
      if (sizeClassOf(len, align) !== wanted) expect.fail(`len ${len} align ${align}: ${sizeClassOf(len, align)}`);
    }
  }
});

it('leaves what is large or strictly aligned to pages', () => {
  expect(sizeClassOf(MAX_SMALL_BYTES + 1, 8)).toBe(-1);
  expect(sizeClassOf(8, 8192)).toBe(-1);
});
