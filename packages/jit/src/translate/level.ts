// SPDX-License-Identifier: MIT
// The control block of a level of nested runs, as code finds it from a frame's base.
import { op, type FunctionBuilder } from '@tsbpf/wasm';
import { LEVEL } from './source.ts';

/** Pushes the address of the control block; `base` is the local with the base of a frame. */
export function pushLevel(fn: FunctionBuilder, base: number): void {
  fn.localGet(base);
  fn.i32Const(-LEVEL.align);
  fn.op(op.i32And);
}

/** Where in the control block an argument of main is, of R2 to R5. */
export function blockArgAt(reg: number): number {
  return LEVEL.args + 8 * (reg - 2);
}
