// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import { runBare, type BareHelper } from '@tsbpf/interpreter';
import { compileBare } from '@tsbpf/jit';
import type { EngineName } from './engine.ts';

export interface RunBytecodeOptions {
  /** Instructions, 8 bytes each. */
  insns: Uint8Array;
  /** What R1 points at; R2 is its length in bytes. The caller's array is not changed. */
  mem?: Uint8Array;
  /** The interpreter checks every access; the JIT runs at full speed, and a wild access may go unnoticed. */
  engine?: EngineName;
  /**
   * Must be false: bare bytecode has no typed context to verify against. Every access is checked while it runs
   * instead.
   */
  verify?: false;
  /** Functions that `call` reaches, by number. */
  helpers?: Readonly<Record<number, BareHelper>>;
  /** Give up after this many instructions; no limit unless given. The interpreter's only. */
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
 * @errno ENOSYS NotSupportedError: the JIT where there is no WebAssembly.
 */
export function runBytecode(options: RunBytecodeOptions): RunBytecodeResult {
  const { insns, mem, helpers, maxInsns, engine = 'interpreter' } = options;
  if (engine === 'jit') {
    if (maxInsns !== undefined) throw new UsageError('maxInsns needs the interpreter', { errno: EINVAL });
    return compileBare({ insns, ...(helpers === undefined ? {} : { helpers }) }).run(mem === undefined ? {} : { mem });
  }
  return runBare({
    insns,
    ...(mem === undefined ? {} : { mem }),
    ...(helpers === undefined ? {} : { helpers }),
    ...(maxInsns === undefined ? {} : { maxInsns }),
  });
}
