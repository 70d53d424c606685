// SPDX-License-Identifier: MIT
import type { RetWidth, WasmCall } from '@tsbpf/core';
import { KERNEL_BASE } from '@tsbpf/memory';
import { InternalError } from '@tsbpf/uapi';
import { I32, memOp, op, type FunctionBuilder } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { SCRATCH } from './source.ts';
import { withTemp } from './temp.ts';

/** The place of a call, for what emits code of its own there. */
export function wasmCall(body: Body, ordinary: Pick<WasmCall, 'otherwise'> = {}): WasmCall {
  const { fn, unit } = body;
  const { kernel, sharedMemory } = unit.source;
  if (kernel === undefined) throw new InternalError('a bare program calls a helper of the kernel');
  return {
    ...ordinary,
    fn,
    kernel,
    sharedMemory,
    arg: (index) => body.low(index),
    arg64: (index) => body.get(index),
    moduleFunction: (key, signature, build) => unit.shell.moduleFunction(key, signature, build),
  };
}

/** Pops a low word and pushes the 64 bits of a result. */
export function widen(fn: FunctionBuilder, ret: RetWidth, scratchOff: number): void {
  switch (ret) {
    case 'sext':
      return fn.op(op.i64ExtendI32S);
    case 'zext':
      return fn.op(op.i64ExtendI32U);
    case 'words':
      return pushHigh(fn, scratchOff);
    case 'ptr':
      return withTemp(fn, I32, (off) => {
        fn.localTee(off);
        fn.op(op.i64ExtendI32U);
        fn.i64Const(BigInt.asIntN(64, KERNEL_BASE));
        fn.op(op.i64Or);
        fn.i64ConstS32(0);
        fn.localGet(off);
        fn.op(op.select);
      });
  }
}

/** Pops a low word and adds the high one that is in the scratch area. */
export function pushHigh(fn: FunctionBuilder, scratchOff: number): void {
  fn.op(op.i64ExtendI32U);
  fn.i32Const(scratchOff + SCRATCH.retHi);
  fn.memory(memOp.i64Load32U);
  fn.i64ConstS32(32);
  fn.op(op.i64Shl);
  fn.op(op.i64Or);
}
