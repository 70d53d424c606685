// SPDX-License-Identifier: MIT
import type { Executor, KernelServices } from '@tsbpf/core';
import { LoadedProgram } from './loaded.ts';
import { Engine, type JitOptions } from './run/engine.ts';
import { requireWasm } from './run/features.ts';
import { TooLargeError } from './translate/too-large.ts';

/**
 * The compiling engine: verified programs become WebAssembly.
 * @errno ENOSYS NotSupportedError: there is no WebAssembly, or a content security policy forbids to compile it; on load,
 * the program calls a helper that is a declared gap, or is too large and there is no fallback
 */
export function createJit(kernel: KernelServices, options: JitOptions = {}): Executor {
  requireWasm();
  const engine = new Engine(kernel, options);
  return {
    name: 'jit',
    load(verified, load) {
      try {
        return new LoadedProgram(engine, verified, load.prog);
      } catch (error) {
        if (error instanceof TooLargeError && options.fallback !== undefined) {
          return options.fallback.load(verified, load);
        }
        throw error;
      }
    },
  };
}
