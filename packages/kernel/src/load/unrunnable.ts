// SPDX-License-Identifier: MIT
import type { LoadedProg } from '@tsbpf/core';
import type { NotSupportedError } from '@tsbpf/uapi';

/**
 * Stands in for a program that verified but needs what no engine here has, such as a helper without a body: it can be
 * inspected, and running it says what is missing.
 */
export function unrunnable(error: NotSupportedError): LoadedProg {
  const fail = (): never => {
    throw error;
  };
  return {
    engine: 'none',
    run: fail,
    get lastR0() {
      return fail();
    },
    runBatch: fail,
    start: fail,
    body: fail,
    slots: [],
    codeBytes: 0,
    compileNs: 0,
    unload: () => undefined,
  };
}
