// SPDX-License-Identifier: MIT
import { EFAULT, FaultError } from '@tsbpf/uapi';

/** What to throw for what a run threw: a trap of the program's code is a fault. */
export function faultOf(error: unknown): unknown {
  if (!(error instanceof WebAssembly.RuntimeError)) return error;
  return new FaultError(`the program trapped (${error.message}); the interpreter tells where`, {
    errno: EFAULT,
    insnIdx: -1,
    cause: error,
  });
}
