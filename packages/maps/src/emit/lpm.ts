// SPDX-License-Identifier: MIT
// Lookups in LPM tries as Wasm, specialised for one map. The layout is in the README.
import { I32, memOp, op, type FunctionBuilder } from '@tsbpf/wasm';
import type { MapWasmEmitter } from '@tsbpf/core';
import { KEY_DATA, NODE, TrieMap } from '../lpm/trie-map.ts';

const KEY = 0;
const WORD = 4;

interface Locals {
  readonly node: number;
  readonly limit: number;
  readonly bits: number;
  readonly at: number;
  readonly diff: number;
}

/**
 * Leaves in `bits` how many leading bits node and key have in common, at most `limit`. Compares words where keys are
 * made of them: the lowest byte that differs comes first.
 */
function emitCommonBits(fn: FunctionBuilder, v: Locals, step: 1 | 4): void {
  const load = step === 4 ? memOp.i32Load : memOp.i32Load8U;
  fn.localGet(v.limit);
  fn.localSet(v.bits);
  fn.i32Const(0);
  fn.localSet(v.at);
  const done = fn.block();
  const next = fn.loop();
  fn.localGet(v.at);
  fn.i32Const(3);
  fn.op(op.i32Shl);
  fn.localGet(v.limit);
  fn.op(op.i32GeU);
  fn.brIf(done);
  for (const [base, off] of [
    [v.node, NODE.data],
    [KEY, KEY_DATA],
  ] as const) {
    fn.localGet(base);
    fn.localGet(v.at);
    fn.op(op.i32Add);
    fn.memory(load, off, 0);
  }
  fn.op(op.i32Xor);
  fn.localTee(v.diff);
  fn.if();
  if (step === 4) emitFirstByte(fn, v);
  // bits = min(limit, at * 8 + clz(diff) - 24)
  fn.localGet(v.at);
  fn.i32Const(3);
  fn.op(op.i32Shl);
  fn.localGet(v.diff);
  fn.op(op.i32Clz);
  fn.op(op.i32Add);
  fn.i32Const(24);
  fn.op(op.i32Sub);
  fn.localTee(v.bits);
  fn.localGet(v.limit);
  fn.localGet(v.bits);
  fn.localGet(v.limit);
  fn.op(op.i32LtU);
  fn.op(op.select);
  fn.localSet(v.bits);
  fn.br(done);
  fn.end();
  fn.localGet(v.at);
  fn.i32Const(step);
  fn.op(op.i32Add);
  fn.localSet(v.at);
  fn.br(next);
  fn.end();
  fn.end();
}

/** Turns a word that differs into its first byte that does, and moves `at` to it. */
function emitFirstByte(fn: FunctionBuilder, v: Locals): void {
  fn.localGet(v.at);
  fn.localGet(v.diff);
  fn.op(op.i32Ctz);
  fn.i32Const(3);
  fn.op(op.i32ShrU);
  fn.op(op.i32Add);
  fn.localSet(v.at);
  fn.localGet(v.diff);
  fn.localGet(v.diff);
  fn.op(op.i32Ctz);
  fn.i32Const(-8);
  fn.op(op.i32And);
  fn.op(op.i32ShrU);
  fn.i32Const(0xff);
  fn.op(op.i32And);
  fn.localSet(v.diff);
}

/** Pushes the offset of the node's child on the key's side: that of the bit behind the node's prefix. */
function pushChild(fn: FunctionBuilder, node: number, prefixLen: number): void {
  fn.localGet(KEY);
  fn.localGet(prefixLen);
  fn.i32Const(3);
  fn.op(op.i32ShrU);
  fn.op(op.i32Add);
  fn.memory(memOp.i32Load8U, KEY_DATA);
  fn.i32Const(7);
  fn.localGet(prefixLen);
  fn.i32Const(7);
  fn.op(op.i32And);
  fn.op(op.i32Sub);
  fn.op(op.i32ShrU);
  fn.i32Const(1);
  fn.op(op.i32And);
  fn.i32Const(2);
  fn.op(op.i32Shl);
  fn.localGet(node);
  fn.op(op.i32Add);
  fn.memory(memOp.i32Load, NODE.child0);
}

/** From the offset of a key to that of the node of its longest prefix, or 0. */
function emitMatch(fn: FunctionBuilder, map: TrieMap): void {
  const local = (name: string): number => fn.local(I32, name);
  const v: Locals = {
    node: local('node'),
    limit: local('limit'),
    bits: local('bits'),
    at: local('at'),
    diff: local('diff'),
  };
  const [found, keyLen, prefixLen] = [local('found'), local('keyLen'), local('prefixLen')];
  fn.localGet(KEY);
  fn.memory(memOp.i32Load, 0, 0);
  fn.localSet(keyLen);
  const done = fn.block();
  if (!map.rules.has('lpm-lookup-long-prefix')) {
    fn.localGet(keyLen);
    fn.i32Const(map.maxPrefixLen);
    fn.op(op.i32GtU);
    fn.brIf(done);
  }
  fn.i32Const(0);
  fn.memory(memOp.i32Load, map.rootSlot);
  fn.localSet(v.node);
  const walk = fn.loop();
  fn.localGet(v.node);
  fn.op(op.i32Eqz);
  fn.brIf(done);
  fn.localGet(v.node);
  fn.memory(memOp.i32Load, NODE.prefixLen);
  fn.localTee(prefixLen);
  fn.localGet(keyLen);
  fn.localGet(prefixLen);
  fn.localGet(keyLen);
  fn.op(op.i32LtU);
  fn.op(op.select);
  fn.localSet(v.limit);
  emitCommonBits(fn, v, map.dataSize % 4 === 0 ? 4 : 1);
  fn.localGet(v.bits);
  fn.localGet(prefixLen);
  fn.op(op.i32LtU);
  fn.brIf(done);
  fn.localGet(v.node);
  fn.localGet(found);
  fn.localGet(v.node);
  fn.memory(memOp.i32Load, NODE.fork);
  fn.op(op.i32Eqz);
  fn.op(op.select);
  fn.localSet(found);
  fn.localGet(v.bits);
  fn.i32Const(map.maxPrefixLen);
  fn.op(op.i32Eq);
  fn.brIf(done);
  pushChild(fn, v.node, prefixLen);
  fn.localSet(v.node);
  fn.br(walk);
  fn.end();
  fn.end();
  fn.localGet(found);
}

/** Turns the i32 on the stack around: its first byte in memory becomes the highest. */
function emitSwap(fn: FunctionBuilder, temp: number): void {
  fn.localTee(temp);
  fn.i32Const(8);
  fn.op(op.i32Rotl);
  fn.i32Const(0x00ff00ff);
  fn.op(op.i32And);
  fn.localGet(temp);
  fn.i32Const(24);
  fn.op(op.i32Rotl);
  fn.i32Const(0xff00ff00 | 0);
  fn.op(op.i32And);
  fn.op(op.i32Or);
}

/**
 * The same where data is one word, such as an IPv4 address, in place: pops the offset of the key. A node matches where at
 * least as many bits are the key's as its prefix has; the bit behind the key's own length counts as one that is not.
 */
function emitMatchWord(fn: FunctionBuilder, map: TrieMap): void {
  const locals = Array.from({ length: 8 }, () => fn.borrowLocal(I32));
  const [key = 0, node = 0, temp = 0, raw = 0, bits = 0, end = 0, found = 0, prefixLen = 0] = locals;
  fn.localSet(key);
  fn.i32Const(0);
  fn.localSet(found);
  fn.localGet(key);
  fn.memory(memOp.i32Load, KEY_DATA, 0);
  fn.localTee(raw);
  emitSwap(fn, temp);
  fn.localSet(bits);
  fn.localGet(key);
  fn.memory(memOp.i32Load, 0, 0);
  fn.localSet(prefixLen);
  fn.i32Const(0x80000000 | 0);
  fn.localGet(prefixLen);
  fn.op(op.i32ShrU);
  fn.i32Const(0);
  fn.localGet(prefixLen);
  fn.i32Const(map.maxPrefixLen);
  fn.op(op.i32LtU);
  fn.op(op.select);
  fn.localSet(end);
  const done = fn.block();
  if (!map.rules.has('lpm-lookup-long-prefix')) {
    fn.localGet(prefixLen);
    fn.i32Const(map.maxPrefixLen);
    fn.op(op.i32GtU);
    fn.brIf(done);
  }
  fn.i32Const(0);
  fn.memory(memOp.i32Load, map.rootSlot);
  fn.localSet(node);
  const walk = fn.loop();
  fn.localGet(node);
  fn.op(op.i32Eqz);
  fn.brIf(done);
  fn.localGet(node);
  fn.memory(memOp.i32Load, NODE.data);
  fn.localGet(raw);
  fn.op(op.i32Xor);
  emitSwap(fn, temp);
  fn.localGet(end);
  fn.op(op.i32Or);
  fn.op(op.i32Clz);
  fn.localGet(node);
  fn.memory(memOp.i32Load, NODE.prefixLen);
  fn.localTee(prefixLen);
  fn.op(op.i32LtU);
  fn.brIf(done);
  fn.localGet(node);
  fn.localGet(found);
  fn.localGet(node);
  fn.memory(memOp.i32Load, NODE.fork);
  fn.op(op.i32Eqz);
  fn.op(op.select);
  fn.localSet(found);
  // The child on the side of the bit behind the prefix; a prefix of all bits has no children. A branch and no address
  // made of the bit: processors foresee the way of flows that they saw, and need not wait for one load after the other.
  fn.localGet(bits);
  fn.localGet(prefixLen);
  fn.op(op.i32Shl);
  fn.i32Const(0);
  fn.op(op.i32LtS);
  fn.if(I32);
  fn.localGet(node);
  fn.memory(memOp.i32Load, NODE.child1);
  fn.else();
  fn.localGet(node);
  fn.memory(memOp.i32Load, NODE.child0);
  fn.end();
  fn.localSet(node);
  fn.br(walk);
  fn.end();
  fn.end();
  fn.localGet(found);
  for (const local of locals) fn.giveBackLocal(I32, local);
}

export const emitLpmLookup: MapWasmEmitter = (call, name, map) => {
  if (!(map instanceof TrieMap) || name !== 'lookup') return false;
  const { fn } = call;
  call.arg(2);
  if (map.dataSize === WORD) emitMatchWord(fn, map);
  else {
    const match = call.moduleFunction(`lpm_match_${map.off}`, { params: [I32], results: [I32] }, (own) =>
      emitMatch(own, map),
    );
    fn.call(match);
  }
  const node = fn.borrowLocal(I32);
  fn.localTee(node);
  fn.i32Const(map.valueAt);
  fn.op(op.i32Add);
  fn.i32Const(0);
  fn.localGet(node);
  fn.op(op.select);
  fn.giveBackLocal(I32, node);
  return true;
};
