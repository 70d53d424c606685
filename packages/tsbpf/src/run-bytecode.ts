// SPDX-License-Identifier: MIT
import { ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import { runBare, type BareHelper } from '@tsbpf/interpreter';
import type { EngineName } from './create-kernel.ts';

export interface RunBytecodeOptions {
  /** Instructions, 8 bytes each. */
  insns: Uint8Array;
  /** What R1 points at; R2 is its length in bytes. The caller's array is not changed. */
  mem?: Uint8Array;
  engine?: EngineName;
  /**
   * Must be false: bare bytecode has no typed context to verify against. Every access is checked while it runs
   * instead.
   */
  verify?: false;
  /** Functions that `call` reaches, by number. */
  helpers?: Readonly<Record<number, BareHelper>>;
  /** Give up after this many instructions; no limit unless given. */
  maxInsns?: number;
}

export interface RunBytecodeResult {
  /** R0, all 64 bits, unsigned. */
  r0: bigint;
  /** The memory as the program left it. */
  mem: Uint8Array;
}

/**
 * Runs bare bytecode, as ubpf does: no kernel, no verifier, every access checked.
 * @errno EFAULT FaultError: it touched memory that is not its own, or ran past `maxInsns`.
 * @errno EINVAL UsageError: it is not a program at all.
 * @errno ENOSYS NotSupportedError: the engine is not there.
 */
export function runBytecode(options: RunBytecodeOptions): RunBytecodeResult {
  if (options.engine !== undefined && options.engine !== 'interpreter') {
    throw new NotSupportedError(`bare bytecode runs on the interpreter, not on "${options.engine}"`, {
      errno: ENOSYS,
      feature: `engine ${options.engine}`,
    });
  }
  const { insns, mem, helpers, maxInsns } = options;
  return runBare({
    insns,
    ...(mem === undefined ? {} : { mem }),
    ...(helpers === undefined ? {} : { helpers }),
    ...(maxInsns === undefined ? {} : { maxInsns }),
  });
}
