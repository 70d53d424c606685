// SPDX-License-Identifier: MIT
// Every instruction that real kernels printed in the maintainers' logs: read it, print it, compare.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/assemble.ts';
import { formatInsnLine } from './format.ts';

const root = resolve(import.meta.dirname, '../../../..');
const shared = process.env.TSBPF_SHARED ?? resolve(root, '../shared');
const file = resolve(shared, 'conformance/logs-5.6.4-and-6.18.json');
const present = existsSync(file);
if (!present) console.warn(`skipped: the logs of real kernels are not at ${file}`);

interface LogCase {
  linux_5_6_4_log: string;
  linux_6_18_log: string;
}

function printed(field: keyof LogCase): string[] {
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: LogCase[] };
  const texts = new Set<string>();
  for (const row of cases) {
    for (const line of (row[field] ?? '').split('\n')) {
      // A later log may run on with "; state", or with " N: state" where it was cut.
      const match = /^(?:regs=.* before )?\d+: (\([0-9a-f]{2}\) .*?)(?:\s*;.*|\s+\d+: R\d.*)?$/.exec(line);
      if (match !== null) texts.add(match[1].trimEnd());
    }
  }
  return [...texts];
}

describe.skipIf(!present)('logs of real kernels', () => {
  it.each([
    ['linux_5_6_4_log', '5.6'],
    ['linux_6_18_log', '6.18'],
  ] as const)('%s', (field, version) => {
    const texts = printed(field);
    expect(texts.length).toBeGreaterThan(100);
    // Names of helpers newer than v5.6 are told to the formatter by whoever knows them.
    const named = (text: string) => /call (\w+)#/.exec(text)?.[1];
    const ours = texts.map((text) => {
      const insns = assemble(text);
      const newer = insns[0].code === 0x85 && insns[0].imm > 118;
      return formatInsnLine(insns, 0, { version, funcName: newer ? () => named(text) : undefined });
    });
    expect(ours).toEqual(texts);
  });
});
