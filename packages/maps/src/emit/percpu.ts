// SPDX-License-Identifier: MIT
// Lookups in maps with a value for each CPU, as Wasm: the value of the CPU that runs, whose number is in memory.
import { I32, memOp, op } from '@tsbpf/wasm';
import type { MapWasmEmitter, WasmCall } from '@tsbpf/core';
import { ArrayMap } from '../array/array-map.ts';
import { HtabMap } from '../hash/htab-map.ts';
import { emitFind } from './hash-find.ts';

/** Pops the offset of CPU 0's value and pushes that of the CPU's. */
function addCpu({ fn }: WasmCall, cpuOff: number, stride: number): void {
  fn.i32Const(cpuOff);
  fn.memory(memOp.i32Load);
  fn.i32Const(stride);
  fn.op(op.i32Mul);
  fn.op(op.i32Add);
}

export const emitPercpuArrayLookup: MapWasmEmitter = (call, name, map) => {
  const { fn } = call;
  const { cpuOff } = call.kernel.env;
  if (!(map instanceof ArrayMap) || name !== 'lookup' || cpuOff === undefined) return false;
  const index = fn.borrowLocal(I32);
  call.arg(2);
  fn.memory(memOp.i32Load, 0, 0);
  fn.localTee(index);
  fn.i32Const(map.maxEntries | 0);
  fn.op(op.i32LtU);
  fn.if(I32);
  fn.localGet(index);
  fn.i32Const(map.stride | 0);
  fn.op(op.i32Mul);
  fn.i32Const(map.dataOff | 0);
  fn.op(op.i32Add);
  addCpu(call, cpuOff, map.cpuStride);
  fn.else();
  fn.i32Const(0);
  fn.end();
  fn.giveBackLocal(I32, index);
  return true;
};

/** In an LRU, marks the element as used. */
export const emitPercpuHashLookup: MapWasmEmitter = (call, name, map) => {
  const { fn } = call;
  const { cpuOff } = call.kernel.env;
  if (!(map instanceof HtabMap) || name !== 'lookup' || cpuOff === undefined) return false;
  if (!emitFind(call, map, () => call.arg(2))) return false;
  const elem = fn.borrowLocal(I32);
  fn.localTee(elem);
  fn.if(I32);
  if (map.lru !== undefined) {
    fn.localGet(elem);
    fn.i32Const(1);
    fn.memory(memOp.i32Store8, map.layout.ref);
  }
  fn.localGet(elem);
  fn.i32Const(map.valueAt);
  fn.op(op.i32Add);
  addCpu(call, cpuOff, map.valueStride);
  fn.else();
  fn.i32Const(0);
  fn.end();
  fn.giveBackLocal(I32, elem);
  return true;
};
