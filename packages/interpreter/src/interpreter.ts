// SPDX-License-Identifier: MIT
import type { Executor, KernelServices } from '@tsbpf/core';
import { Engine, type InterpreterOptions } from './engine.ts';
import { LoadedProgram } from './loaded.ts';

/**
 * The reference engine: interprets predecoded programs, steps them, shows them to observers.
 * @errno ENOSYS (on load) NotSupportedError: the program calls a helper that is a declared gap
 */
export function createInterpreter(kernel: KernelServices, options: InterpreterOptions = {}): Executor {
  const engine = new Engine(kernel, options);
  return {
    name: 'interpreter',
    load: (verified, { prog }) => new LoadedProgram(engine, verified, prog),
  };
}
