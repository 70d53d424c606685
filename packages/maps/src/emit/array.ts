// SPDX-License-Identifier: MIT
// Lookups in arrays, and the targets of tail calls, as Wasm.
import { I32, memOp, op } from '@tsbpf/wasm';
import type { MapWasmEmitter, WasmCall } from '@tsbpf/core';
import { ArrayMap } from '../array/array-map.ts';

/** Pushes the offset of the element that R2 points to the index of, or 0. */
function pushElem(call: WasmCall, map: ArrayMap): void {
  const { fn } = call;
  const index = fn.borrowLocal(I32);
  call.arg(2);
  fn.memory(memOp.i32Load, 0, 0);
  fn.localTee(index);
  fn.i32Const(map.stride | 0);
  fn.op(op.i32Mul);
  fn.i32Const(map.dataOff | 0);
  fn.op(op.i32Add);
  fn.i32Const(0);
  fn.localGet(index);
  fn.i32Const(map.maxEntries | 0);
  fn.op(op.i32LtU);
  fn.op(op.select);
  fn.giveBackLocal(I32, index);
}

export const emitArrayLookup: MapWasmEmitter = (call, name, map) => {
  if (!(map instanceof ArrayMap) || name !== 'lookup') return false;
  pushElem(call, map);
  return true;
};

/** Offset 0 holds 0, so that the pointer behind no element is none. */
export const emitArrayOfMapsLookup: MapWasmEmitter = (call, name, map) => {
  if (!(map instanceof ArrayMap) || name !== 'lookup') return false;
  pushElem(call, map);
  call.fn.memory(memOp.i32Load);
  return true;
};

export const emitTailCallTarget: MapWasmEmitter = (call, name, map) => {
  if (!(map instanceof ArrayMap) || name !== 'tailCallTarget') return false;
  const { fn } = call;
  call.arg(3);
  fn.i32Const(map.stride);
  fn.op(op.i32Mul);
  fn.memory(memOp.i32Load, map.dataOff);
  return true;
};
