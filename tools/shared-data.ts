// SPDX-License-Identifier: MIT
// The maintainers' reference data, which a user's clone does not have.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BESIDE_REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'shared');

/** The path of a file of the reference data; undefined where it is not there. `TSBPF_SHARED` says where to look. */
export function sharedFile(...path: string[]): string | undefined {
  const file = join(process.env['TSBPF_SHARED'] ?? BESIDE_REPOSITORY, ...path);
  return existsSync(file) ? file : undefined;
}
