// SPDX-License-Identifier: MIT
import {
  AsmError,
  BpfError,
  BtfError,
  CaptureError,
  ElfError,
  LoaderError,
  NotSupportedError,
  UsageError,
  VerifierError,
} from 'tsbpf';
import { BAD_INPUT, FAILED, UNSUPPORTED } from './exit-status.ts';

/** Ends a command with a message and a status. */
export class CommandFailure extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.name = 'CommandFailure';
    this.status = status;
  }
}

/** Ends a command because of what the user gave it. */
export function badInput(message: string): never {
  throw new CommandFailure(message, BAD_INPUT);
}

/** What an error means to the user: a message in one line and an exit status. Undefined for a defect of ours. */
export function explain(error: unknown): { message: string; status: number } | undefined {
  if (error instanceof CommandFailure) return { message: error.message, status: error.status };
  if (error instanceof NotSupportedError) return { message: error.message, status: UNSUPPORTED };
  if (error instanceof VerifierError) return { message: error.message, status: FAILED };
  if (
    error instanceof ElfError ||
    error instanceof BtfError ||
    error instanceof CaptureError ||
    error instanceof AsmError ||
    error instanceof UsageError
  ) {
    return { message: error.message, status: BAD_INPUT };
  }
  if (error instanceof LoaderError || error instanceof BpfError) return { message: error.message, status: FAILED };
  return undefined;
}

/** Reads input: whatever is wrong with it is said with the file's name in front, and is bad input. */
export function blaming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BpfError) || error instanceof NotSupportedError) throw error;
    throw new CommandFailure(`${path}: ${error.message}`, BAD_INPUT);
  }
}
