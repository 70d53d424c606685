// SPDX-License-Identifier: MIT
// A short run of `pnpm maps:differential`: random operations on maps of every type, on the running kernel and on ours.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BpfError } from 'tsbpf';
import { compareRow } from './compare.ts';
import { rowsOf, type Row } from './rows.ts';
import { World } from './world.ts';

const COUNT = 400;
let world: World | undefined;
let why = '';
let rows: Row[] = [];

beforeAll(async () => {
  try {
    world = await World.open();
    rows = rowsOf(world);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    why = error.message;
  }
});
afterAll(() => world?.close());

describe('maps on both kernels', () => {
  it('answer the same to random operations', (context) => {
    if (world === undefined || rows.length === 0) {
      context.skip(`no kernel to compare with: ${why}`);
      return;
    }
    expect(rows.length).toBeGreaterThan(30);
    for (const row of rows) {
      const { difference, kinds } = compareRow(world, row, { count: COUNT, seed: 20_261_122 });
      expect(difference, row.title).toBeUndefined();
      // Answers of many kinds, or little was compared.
      expect(kinds, row.title).toBeGreaterThan(8);
    }
  });
});
