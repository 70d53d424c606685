// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import { createInterpreter } from '@tsbpf/interpreter';
import { createJit } from '@tsbpf/jit';
import type { Executor, KernelServices } from '@tsbpf/core';

/** An engine by name. */
export type EngineName = 'interpreter' | 'jit';

/**
 * The engine of a kernel. The JIT hands single steps, observed runs and programs beyond the limits of Wasm to the
 * interpreter.
 * @errno EINVAL UsageError: checked mode is the interpreter's.
 * @errno ENOSYS NotSupportedError: the JIT where WebAssembly is missing or forbidden.
 */
export function createEngine(services: KernelServices, options: { engine: EngineName; checked?: boolean }): Executor {
  const { engine, checked } = options;
  if (engine !== 'interpreter' && engine !== 'jit') {
    throw new UsageError(`engine "${String(engine)}": there are interpreter and jit`, { errno: EINVAL });
  }
  const interpreter = createInterpreter(services, checked === undefined ? {} : { checked });
  if (engine === 'interpreter') return interpreter;
  if (checked === true) {
    throw new UsageError('checked mode is the interpreter\'s: leave out "checked", or engine "jit"', { errno: EINVAL });
  }
  return createJit(services, { fallback: interpreter });
}
