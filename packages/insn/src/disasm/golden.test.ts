// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../test/hex.ts';
import { assemble } from '../asm/assemble.ts';
import { decodeInsns } from '../codec.ts';
import { formatInsnLine } from './format.ts';

const file = new URL('../../test/golden/verifier-log-6.18.txt', import.meta.url);
const rows = readFileSync(file, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('  ') as [string, string]);

describe('words of a real verifier', () => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(60);
  });

  it.each(rows)('%s is %s', (hex, text) => {
    const insns = decodeInsns(fromHex(hex));
    expect(formatInsnLine(insns, 0, { version: '6.18' })).toBe(text);
    expect(assemble(text)).toEqual(insns);
  });
});
