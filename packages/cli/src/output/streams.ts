// SPDX-License-Identifier: MIT
// Results go to stdout, everything else to stderr. A reader that goes away (`| head`) is no error.
import { writeSync } from 'node:fs';
import { FAILED } from '../exit-status.ts';
import { CommandFailure } from '../failure.ts';

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

/** Writes a result, with a newline. @throws CommandFailure where it cannot be written, on a full disk for one */
export function print(text: string): void {
  try {
    writeAll(STDOUT, `${text}\n`);
  } catch (error) {
    if (error instanceof ClosedPipe) throw error;
    throw new CommandFailure(`standard output cannot be written: ${(error as Error).message}`, FAILED);
  }
}

/** Writes a message, with a newline. Where that is impossible there is nobody to tell, and the work goes on. */
export function note(text: string): void {
  try {
    writeAll(STDERR, `${text}\n`);
  } catch {
    return;
  }
}
