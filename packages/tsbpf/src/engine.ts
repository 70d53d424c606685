// SPDX-License-Identifier: MIT
import { EINVAL, NotSupportedError, UsageError } from '@tsbpf/uapi';
import { createInterpreter } from '@tsbpf/interpreter';
import { createJit } from '@tsbpf/jit';
import type { Executor, KernelServices } from '@tsbpf/core';

/** An engine by name. */
export type EngineName = 'interpreter' | 'jit';

/** The engine that runs programs, and why it is that one. */
export interface EngineChoice {
  readonly name: EngineName;
  /** A sentence without a capital and a full stop. */
  readonly reason: string;
}

/** Real time, for the compile times that loaded programs report: no run sees it. */
// eslint-disable-next-line no-restricted-globals -- no run sees it
const nowNs = (): number => performance.now() * 1e6;

/**
 * The engine of a kernel: the JIT unless told otherwise, and where WebAssembly is missing or forbidden the interpreter.
 * The JIT hands single steps, observed runs and programs beyond the limits of Wasm to the interpreter.
 * @errno EINVAL UsageError: checked mode is the interpreter's.
 * @errno ENOSYS NotSupportedError: the JIT was asked for, and there is no WebAssembly, or it is forbidden.
 */
export function createEngine(
  services: KernelServices,
  options: { engine?: EngineName; checked?: boolean },
): { executor: Executor; choice: EngineChoice } {
  const { engine, checked } = options;
  if (engine !== undefined && engine !== 'interpreter' && engine !== 'jit') {
    throw new UsageError(`engine "${String(engine)}": there are interpreter and jit`, { errno: EINVAL });
  }
  const interpreter = createInterpreter(services, { nowNs, ...(checked === undefined ? {} : { checked }) });
  const interpreted = (reason: string): { executor: Executor; choice: EngineChoice } => ({
    executor: interpreter,
    choice: { name: 'interpreter', reason },
  });
  if (engine === 'interpreter') return interpreted('it was asked for');
  if (checked === true) {
    if (engine === undefined) return interpreted('checked mode is its own');
    throw new UsageError('checked mode is the interpreter\'s: leave out "checked", or engine "jit"', { errno: EINVAL });
  }
  try {
    const executor = createJit(services, { fallback: interpreter, nowNs });
    return { executor, choice: { name: 'jit', reason: engine === 'jit' ? 'it was asked for' : 'it is the default' } };
  } catch (error) {
    if (engine === undefined && error instanceof NotSupportedError) return interpreted(error.message);
    throw error;
  }
}
