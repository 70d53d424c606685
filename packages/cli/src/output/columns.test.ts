// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { formatTable } from './columns.ts';

describe('formatTable', () => {
  it('aligns, rules and trims', () => {
    const lines = formatTable(
      [
        { title: 'Name', cell: (row: [string, number]) => row[0] },
        { title: 'Count', align: 'right', cell: (row) => String(row[1]) },
        { title: 'Note', cell: () => '' },
      ],
      [
        ['a', 1],
        ['longer', 1234567],
      ],
    );
    expect(lines).toEqual(['Name      Count  Note', '------  -------  ----', 'a             1', 'longer  1234567']);
  });
});
