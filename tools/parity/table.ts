// SPDX-License-Identifier: MIT
// Writes the parity table into README.md from the registries; with --check fails where it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  BPF_CMD_ATTRS,
  BPF_CMD_NAMES,
  BPF_MAP_TYPE_NAMES,
  BPF_MAP_TYPE_SINCE,
  BPF_PROG_TYPE_NAMES,
  defaultRegistries,
} from 'tsbpf';
import { versionAtLeast, type KernelVersion } from '@tsbpf/core';
import { CALLERS } from './callers.ts';
import { COMPARED_HELPERS, COMPARED_MAPS, COMPARED_PROGS } from './compared.ts';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));
const BEGIN = '<!-- parity:begin -->';
const END = '<!-- parity:end -->';

const in56 = (since: string | undefined): boolean => versionAtLeast('5.6', (since ?? '99.0') as KernelVersion);
const short = (name: string, prefix: string): string => name.slice(prefix.length).toLowerCase();
const state = (works: boolean, compared: boolean): string => (!works ? 'gap' : compared ? 'compared' : 'works');

function markdown(): string {
  const registries = defaultRegistries();
  const progs = registries.progTypes.map((row) => {
    const name = short(BPF_PROG_TYPE_NAMES[row.type] ?? '', 'BPF_PROG_TYPE_');
    const called = CALLERS[row.type]?.when ?? 'gap';
    return `| ${name} | ${state(true, true)} | ${called} | ${state(row.ops.testRun !== undefined, COMPARED_PROGS.includes(name)).replace('gap', '–')} |`;
  });
  const mapRows = new Set(registries.mapTypes.map((row) => row.type));
  const maps = Object.entries(BPF_MAP_TYPE_NAMES)
    .filter(([type]) => in56(BPF_MAP_TYPE_SINCE[Number(type)]))
    .map(([type, full]) => {
      const name = short(full, 'BPF_MAP_TYPE_');
      return `${name}: ${state(mapRows.has(Number(type)), COMPARED_MAPS.includes(name))}`;
    });
  const byName = new Map<string, boolean>();
  for (const row of registries.helpers) {
    const { name } = row.proto;
    byName.set(name, (byName.get(name) ?? true) && (row.impl !== undefined || row.proto.special === 'tailCall'));
  }
  const helpers = [...byName].filter(([name]) => name !== 'unspec');
  const gaps = helpers.filter(([, works]) => !works).map(([name]) => name);
  const compared = helpers.filter(([name, works]) => works && COMPARED_HELPERS.includes(name)).length;
  const commands = Object.keys(BPF_CMD_ATTRS).map((cmd) => BPF_CMD_NAMES[Number(cmd)]);
  return [
    '## Parity with Linux v5.6',
    '',
    '*compared*: a test compares it with a real kernel; *works*: tested against the reference; *gap*: not there, and using',
    'it is a typed error.',
    '',
    `**Commands**: all ${commands.length} of v5.6.`,
    '',
    `**Map types**: ${maps.join(', ')}.`,
    '',
    `**Helpers**: ${helpers.length - gaps.length} of ${helpers.length} have a body (${compared} compared); all are verified.` +
      (gaps.length === 0 ? '' : ` Gaps: ${gaps.join(', ')}.`),
    '',
    '| program type | verifying | runs when | BPF_PROG_TEST_RUN |',
    '|---|---|---|---|',
    ...progs,
  ].join('\n');
}

const readme = readFileSync(README, 'utf8');
const begin = readme.indexOf(BEGIN);
const end = readme.indexOf(END);
const fresh = `${readme.slice(0, begin + BEGIN.length)}\n${markdown()}\n${readme.slice(end)}`;
if (fresh === readme) console.log('parity: up to date');
else if (process.argv.includes('--check')) {
  console.error('parity: README.md is stale, run `pnpm parity`');
  process.exitCode = 1;
} else {
  writeFileSync(README, fresh);
  console.log('parity: README.md written');
}
