// SPDX-License-Identifier: MIT
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CommandFailure } from '../failure.ts';
import { FAILED } from '../exit-status.ts';

/** Writes a file whole or not at all. */
export function writeWhole(path: string, bytes: Uint8Array): void {
  const part = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    writeFileSync(part, bytes);
    renameSync(part, path);
  } catch (error) {
    removeQuietly(part);
    throw new CommandFailure(`${path}: cannot be written: ${(error as Error).message}`, FAILED);
  }
}

/** What is left of a file that could not be written; where it cannot be removed either, it was never there. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    return;
  }
}
