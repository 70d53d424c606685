// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../test/hex.ts';
import { decodeInsns, encodeInsns } from '../codec.ts';
import { formatAsm } from '../disasm/asm.ts';
import { assemble } from './assemble.ts';

const root = resolve(import.meta.dirname, '../../../..');
const shared = process.env.TSBPF_SHARED ?? resolve(root, '../shared');
const file = resolve(shared, 'conformance/bpf_conformance.json');

interface Case {
  name: string;
  dir: string;
  asm: string;
  insns_hex: string[];
}

const present = existsSync(file);
if (!present) console.warn(`skipped: the bpf_conformance vectors are not at ${file}`);
const cases: Case[] = present ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] }).cases : [];

function hexOf(bytes: Uint8Array): string[] {
  return toHex(bytes).match(/.{16}/g) ?? [];
}

describe.skipIf(!present)('bpf_conformance', () => {
  it('has cases', () => {
    expect(cases.length).toBeGreaterThan(200);
  });

  it.each(cases.map((row) => [`${row.dir}/${row.name}`, row] as const))('%s assembles to its bytes', (_, row) => {
    expect(hexOf(encodeInsns(assemble(row.asm)))).toEqual(row.insns_hex);
    expect(hexOf(encodeInsns(assemble(row.asm, { dialect: 'mnemonic' })))).toEqual(row.insns_hex);
  });

  it.each(cases.map((row) => [`${row.dir}/${row.name}`, row] as const))('%s survives the kernel dialect', (_, row) => {
    const insns = decodeInsns(fromHex(row.insns_hex.join('')));
    expect(hexOf(encodeInsns(assemble(formatAsm(insns), { dialect: 'kernel' })))).toEqual(row.insns_hex);
  });
});
