// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');

/** Compilers that the fixtures were built with. */
export const CLANGS = ['clang14', 'clang16', 'clang19'] as const;

/** The bytes of `NAME.CLANG.o`. */
export function fixture(name: string, clang: string = 'clang16'): Uint8Array {
  return new Uint8Array(readFileSync(join(FIXTURES, `${name}.${clang}.o`)));
}
