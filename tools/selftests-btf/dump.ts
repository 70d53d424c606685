// SPDX-License-Identifier: MIT
// C from the BTF of the tree's own sources, which say in comments what is expected.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dumpBtfTypesC, parseBtf } from '../../packages/btf/src/index.ts';
import { elfSection } from '../../packages/btf/test/elf.ts';

/** What a source expects: the lines between two markers, without what makes them a comment. */
export function expectedDump(source: string): string {
  const lines: string[] = [];
  let inside = false;
  for (const line of source.split('\n')) {
    if (line.includes('START-EXPECTED-OUTPUT')) inside = true;
    else if (line.includes('END-EXPECTED-OUTPUT')) inside = false;
    else if (inside && !line.includes('/*') && !line.includes('*/')) lines.push(line.replace(/^[ \t]*\*/, ''));
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** A dump of one source. */
export interface Dump {
  readonly name: string;
  readonly expected: string;
  readonly actual: string;
}

/** Compiles each source and dumps its BTF. */
export function dumpSources(dir: string, clang: string): Dump[] {
  const work = mkdtempSync(join(tmpdir(), 'tsbpf-dumps-'));
  try {
    return readdirSync(dir).map((name) => {
      const source = join(dir, name);
      const object = join(work, 'out.o');
      execFileSync(clang, [
        '-g',
        '-O2',
        '-w',
        '-target',
        'bpf',
        '-I/usr/include/x86_64-linux-gnu',
        '-c',
        source,
        '-o',
        object,
      ]);
      const btf = elfSection(new Uint8Array(readFileSync(object)), '.BTF');
      return {
        name,
        expected: expectedDump(readFileSync(source, 'utf8')),
        actual: btf === undefined ? '' : dumpBtfTypesC(parseBtf(btf)),
      };
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
