// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { elfSection } from '../../test/elf.ts';
import { rawTypeText } from '../dump/raw.ts';
import { encodeBtf, typesOf } from '../encode/encode.ts';
import { BTF_KIND_DATASEC } from '../kinds.ts';
import { parseBtf } from '../model/btf.ts';
import type { BtfType } from '../types.ts';
import { dedupBtf } from './dedup.ts';

const runs = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const clang = ['clang-16', 'clang-14', 'clang-19', 'clang'].find(runs) ?? '';
const usable = clang !== '' && runs('bpftool');
if (!usable) console.log('skipped: needs clang and bpftool');

/** The types of several files after one another, without sections, as a linker collects them. */
function collect(files: readonly string[]): BtfType[] {
  const out: BtfType[] = [];
  for (const file of files) {
    const btf = parseBtf(elfSection(new Uint8Array(readFileSync(file)), '.BTF') ?? new Uint8Array());
    const kept = [...typesOf(btf)].filter((t) => t.kind !== BTF_KIND_DATASEC);
    const ids = new Map([[0, 0], ...kept.map((t, i): [number, number] => [t.id, out.length + 1 + i])]);
    for (const type of kept) {
      const copy = structuredClone(type) as unknown as Record<string, unknown>;
      for (const key of ['id', 'typeId', 'elemTypeId', 'indexTypeId', 'returnTypeId']) {
        if (typeof copy[key] === 'number') copy[key] = ids.get(copy[key]) ?? 0;
      }
      for (const key of ['members', 'params']) {
        for (const item of (copy[key] ?? []) as { typeId: number }[]) item.typeId = ids.get(item.typeId) ?? 0;
      }
      out.push(copy as unknown as BtfType);
    }
  }
  return out;
}

describe.skipIf(!usable)('dedup against libbpf', () => {
  it('gives the types that bpftool gen object gives', () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsbpf-dedup-'));
    try {
      const compile = (name: string, out: string, ...flags: string[]): string => {
        const source = fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));
        const object = join(dir, out);
        execFileSync(clang, ['-w', '-std=gnu89', '-O2', '-g', '-target', 'bpf', ...flags, '-c', source, '-o', object]);
        return object;
      };
      const objects = [
        compile('layouts.c', 'layouts.o'),
        compile('core.c', 'a.o', '-D_license=unused_a'),
        compile('core.c', 'b.o', '-Dp=p2', '-Dr=r2', '-D_license=unused_b'),
      ];
      const linked = join(dir, 'linked.o');
      execFileSync('bpftool', ['gen', 'object', linked, ...objects]);
      const theirs = parseBtf(elfSection(new Uint8Array(readFileSync(linked)), '.BTF') ?? new Uint8Array());
      const mine = dedupBtf(parseBtf(encodeBtf(collect(objects)))).btf;
      // Linking joins the licences, which are the last variables of their objects.
      const text = (btf: typeof mine): string[] =>
        [...typesOf(btf)]
          .filter((t) => t.kind !== BTF_KIND_DATASEC && !t.name.startsWith('unused_'))
          .map((t) => rawTypeText(btf, t.id));
      expect(text(mine)).toEqual(text(theirs));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
