// SPDX-License-Identifier: MIT
// Small changes to a C program, each of which Linux judges.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENOEXEC, UsageError } from '../../packages/uapi/src/index.ts';

/** A change: pieces of the source, each found exactly once, and what replaces them. */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly (readonly [from: string, to: string])[];
}

/** A mutant of a single edit. */
export const edit = (name: string, from: string, to: string): Mutant => ({ name, edits: [[from, to]] });

/** The mutant's source. @throws UsageError where an edit does not find its place exactly once. */
export function mutate(source: string, mutant: Mutant): string {
  let text = source;
  for (const [from, to] of mutant.edits) {
    const found = text.split(from).length - 1;
    if (found !== 1) throw new UsageError(`mutant "${mutant.name}": found ${found} times: ${from}`, { errno: ENOEXEC });
    text = text.replace(from, () => to);
  }
  return text;
}

/** The compiler that the examples' objects come from. */
export const CLANG = process.env['CLANG'] ?? 'clang-16';

/** Compiles as the examples' rebuild.sh does. @throws UsageError with what the compiler says. */
export function compile(text: string, dir: string): Uint8Array {
  const c = join(dir, 'mutant.bpf.c');
  const o = join(dir, 'mutant.bpf.o');
  writeFileSync(c, text);
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const args = ['-target', 'bpf', '-mcpu=v2', '-g', '-O2', include, '-c', c, '-o', o];
  const run = spawnSync(CLANG, args, { encoding: 'utf8' });
  if (run.status !== 0) throw new UsageError(run.stderr, { errno: ENOEXEC });
  return readFileSync(o);
}
