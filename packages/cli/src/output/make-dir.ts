// SPDX-License-Identifier: MIT
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { FAILED } from '../exit-status.ts';
import { CommandFailure } from '../failure.ts';

function isDir(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * Makes a directory and those above it that are missing. Node's own way of doing so never ends where a file system such
 * as procfs takes none.
 */
export function makeDir(path: string): void {
  if (isDir(path)) return;
  const above = dirname(path);
  if (above !== path) makeDir(above);
  try {
    mkdirSync(path);
  } catch (error) {
    throw new CommandFailure(`${path}: cannot be made: ${(error as Error).message}`, FAILED);
  }
}
