// SPDX-License-Identifier: MIT
// Runs scripts of bpf(2) calls on two systems and prints where they differ.
//   tsx --conditions=@tsbpf/source tools/differential/run.ts --left host --right sim:5.6 SCRIPT.json... [--allow FILE]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BpfError } from '../../packages/uapi/src/index.ts';
import { openSys } from '../open-sys.ts';
import { compareSystems, formatComparison } from './compare.ts';
import type { Allowance } from './compare.ts';
import type { Script } from './script.ts';

const { values: flags, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    left: { type: 'string', default: 'host' },
    right: { type: 'string', default: 'sim' },
    allow: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  if (files.length === 0) {
    console.error('usage: run.ts [--left SYS] [--right SYS] [--allow FILE] [--json] SCRIPT.json...');
    return 2;
  }
  const [left, right] = [await openSys(flags.left), await openSys(flags.right)];
  const allow = flags.allow === undefined ? [] : (JSON.parse(readFileSync(flags.allow, 'utf8')) as Allowance[]);
  const comparisons = files.map((file) => {
    const script = JSON.parse(readFileSync(file, 'utf8')) as Script;
    return compareSystems(left, right, { title: file, ...script }, { allow });
  });
  console.log(flags.json ? JSON.stringify(comparisons, null, 1) : comparisons.map(formatComparison).join('\n'));
  return comparisons.every(({ differences }) => differences.length === 0) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BpfError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
