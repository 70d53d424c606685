// SPDX-License-Identifier: MIT
import { readBytes } from '../input/read-file.ts';
import { note } from '../output/streams.ts';

/** A line's words; quotes keep blanks together. */
export function splitWords(line: string): string[] {
  return Array.from(line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g), (m) => m[1] ?? m[2] ?? m[3] ?? '');
}

/**
 * Runs the verbs of a file, a line each, until one fails. Blank lines and those that begin with # are passed over.
 * Returns the status of the one that failed, or 0.
 */
export async function runBatch(path: string, run: (words: string[]) => Promise<number>): Promise<number> {
  const text = new TextDecoder().decode(readBytes(path, 'a list of commands'));
  const lines = text.split(/\r?\n/);
  for (const [at, line] of lines.entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const status = await run(splitWords(line));
    if (status !== 0) {
      note(`${path}: line ${at + 1} failed: ${line.trim()}`);
      return status;
    }
  }
  return 0;
}
