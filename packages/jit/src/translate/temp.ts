// SPDX-License-Identifier: MIT
import type { FunctionBuilder, ValType } from '@tsbpf/wasm';

/** Lends a local for what needs a value twice. */
export function withTemp(fn: FunctionBuilder, type: ValType, use: (local: number) => void): void {
  const local = fn.borrowLocal(type);
  use(local);
  fn.giveBackLocal(type, local);
}
