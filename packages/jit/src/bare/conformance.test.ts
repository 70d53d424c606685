// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileBare } from './bare.ts';

const root = resolve(import.meta.dirname, '../../../..');
const shared = process.env.TSBPF_SHARED ?? resolve(root, '../shared');
const file = resolve(shared, 'conformance/bpf_conformance.json');

interface Case {
  name: string;
  dir: string;
  insns_hex: string[];
  mem_hex: string;
  result: string;
  expected_error: string | null;
}

const present = existsSync(file);
if (!present) console.warn(`skipped: the bpf_conformance vectors are not at ${file}`);
const cases: Case[] = present ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] }).cases : [];

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

describe.skipIf(!present)('bpf_conformance', () => {
  const run = (row: Case): bigint =>
    compileBare({ insns: fromHex(row.insns_hex.join('')) }).run({ mem: fromHex(row.mem_hex) }).r0;
  const fails = (row: Case): boolean => row.expected_error !== null || row.dir === 'negative';

  it('has cases', () => expect(cases.length).toBeGreaterThan(200));

  it.each(cases.filter((row) => !fails(row)).map((row) => [row.name, row] as const))('%s', (_, row) => {
    expect(run(row)).toBe(BigInt(row.result));
  });

  it.each(cases.filter(fails).map((row) => [row.name, row] as const))('%s fails', (_, row) => {
    let r0: bigint | undefined;
    try {
      r0 = run(row);
    } catch (error) {
      expect(error).toMatchObject({ errno: expect.any(Number) as number });
    }
    expect(r0).not.toBe(BigInt(row.result));
  });
});
