// SPDX-License-Identifier: MIT
// Operations of hash tables as Wasm.
import { I32, memOp, op, type FunctionBuilder } from '@tsbpf/wasm';
import type { BpfMap, MapWasmEmitter, WasmCall } from '@tsbpf/core';
import { HtabMap } from '../hash/htab-map.ts';
import { emitFind } from './hash-find.ts';
import { emitHashDelete, emitHashUpdate } from './hash-update.ts';

/** Emits what a found element leads to: takes its offset from a local, leaves an i32. */
type Found = (fn: FunctionBuilder, elem: number, map: HtabMap) => void;

function pushValue(fn: FunctionBuilder, elem: number, map: HtabMap): void {
  fn.localGet(elem);
  fn.i32Const(map.valueAt);
  fn.op(op.i32Add);
}

function emitLookup(call: WasmCall, name: string, map: BpfMap, found: Found | undefined): boolean {
  if (!(map instanceof HtabMap) || (name !== 'lookup' && name !== 'lookupRaw')) return false;
  if (!emitFind(call, map, () => call.arg(2))) return false;
  const { fn } = call;
  if (name === 'lookupRaw' || found === undefined) return true;
  const elem = fn.borrowLocal(I32);
  fn.localTee(elem);
  fn.if(I32);
  found(fn, elem, map);
  fn.else();
  fn.i32Const(0);
  fn.end();
  fn.giveBackLocal(I32, elem);
  return true;
}

export const emitHashOp: MapWasmEmitter = (call, name, map) => {
  if (map instanceof HtabMap && name === 'update') return emitHashUpdate(call, map);
  if (map instanceof HtabMap && name === 'delete') return emitHashDelete(call, map);
  return emitLookup(call, name, map, pushValue);
};

/** Marks the element as used. */
export const emitLruHashLookup: MapWasmEmitter = (call, name, map) =>
  emitLookup(call, name, map, (fn, elem, htab) => {
    fn.localGet(elem);
    fn.i32Const(1);
    fn.memory(memOp.i32Store8, htab.layout.ref);
    pushValue(fn, elem, htab);
  });

/** Follows the pointer that the value is. */
export const emitHashOfMapsLookup: MapWasmEmitter = (call, name, map) =>
  emitLookup(call, name, map, (fn, elem, htab) => {
    fn.localGet(elem);
    fn.memory(memOp.i32Load, htab.valueAt);
  });
