// SPDX-License-Identifier: MIT
// Results go to stdout, everything else to stderr. A reader that goes away (`| head`) is no error.
import { writeSync } from 'node:fs';

const STDOUT = 1;
const STDERR = 2;

/** Signals that nobody reads stdout any more: the command ends quietly. */
export class ClosedPipe extends Error {}

function writeAll(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === 'EAGAIN') continue;
      if (code === 'EPIPE') throw new ClosedPipe();
      throw error;
    }
  }
}

/** Writes a result, with a newline. */
export function print(text: string): void {
  writeAll(STDOUT, `${text}\n`);
}

/** Writes a message, with a newline. */
export function note(text: string): void {
  try {
    writeAll(STDERR, `${text}\n`);
  } catch (error) {
    if (!(error instanceof ClosedPipe)) throw error;
  }
}
