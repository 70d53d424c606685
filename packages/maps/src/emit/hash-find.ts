// SPDX-License-Identifier: MIT
// A hash lookup as Wasm, specialised for one map: sizes, seed and addresses are constants. The layout is in the README.
import { I32, memOp, op, type FuncRef, type FunctionBuilder } from '@tsbpf/wasm';
import type { WasmEmit } from '@tsbpf/core';
import type { HtabMap } from '../hash/htab-map.ts';

/** Longer keys are looked up by the ordinary call. Words. */
const MAX_KEY_WORDS = 16;
const KEY = 0;

/** Pushes word `index` of the key; the last one is padded with zeroes, never read beyond the key. */
function pushKeyWord(fn: FunctionBuilder, keySize: number, index: number): void {
  const off = index * 4;
  const rest = Math.min(4, keySize - off);
  const load = (opcode: typeof memOp.i32Load | typeof memOp.i32Load8U, at: number): void => {
    fn.localGet(KEY);
    fn.memory(opcode, at, 0);
  };
  if (rest === 4) load(memOp.i32Load, off);
  else if (rest === 1) load(memOp.i32Load8U, off);
  else {
    fn.localGet(KEY);
    fn.memory(memOp.i32Load16U, off, 0);
    if (rest === 2) return;
    load(memOp.i32Load8U, off + 2);
    fn.i32Const(16);
    fn.op(op.i32Shl);
    fn.op(op.i32Or);
  }
}

/** Turns the i32 on the stack into itself xor itself shifted right. */
function foldRight(fn: FunctionBuilder, hash: number, bits: number): void {
  fn.localTee(hash);
  fn.localGet(hash);
  fn.i32Const(bits);
  fn.op(op.i32ShrU);
  fn.op(op.i32Xor);
}

function times(fn: FunctionBuilder, factor: number): void {
  fn.i32Const(factor | 0);
  fn.op(op.i32Mul);
}

/** The same numbers as `hashWords`: leaves the hash in a local. */
function emitHash(fn: FunctionBuilder, seed: number, words: readonly number[], hash: number): void {
  fn.i32Const(seed);
  for (const word of words) {
    fn.localGet(word);
    fn.op(op.i32Xor);
    times(fn, 0x9e3779b1);
    foldRight(fn, hash, 15);
  }
  foldRight(fn, hash, 16);
  times(fn, 0x85ebca6b);
  foldRight(fn, hash, 13);
  times(fn, 0xc2b2ae35);
  foldRight(fn, hash, 16);
  fn.localSet(hash);
}

/** What a search leaves in locals: words of the key, its hash, the element or 0. */
export interface Search {
  readonly words: readonly number[];
  readonly hash: number;
  readonly elem: number;
}

/** Searches for the key at the offset in the first parameter. */
export function emitSearch(fn: FunctionBuilder, map: HtabMap): Search {
  const { layout, keySize, keyWords } = map;
  const words = Array.from({ length: keyWords }, () => fn.local(I32));
  const hash = fn.local(I32, 'hash');
  const elem = fn.local(I32, 'elem');
  words.forEach((word, i) => {
    pushKeyWord(fn, keySize, i);
    fn.localSet(word);
  });
  emitHash(fn, map.seed, words, hash);

  fn.localGet(hash);
  fn.i32Const(map.bucketMask);
  fn.op(op.i32And);
  fn.i32Const(2);
  fn.op(op.i32Shl);
  fn.memory(memOp.i32Load, map.bucketsOff);
  fn.localSet(elem);
  const done = fn.block();
  const walk = fn.loop();
  fn.localGet(elem);
  fn.op(op.i32Eqz);
  fn.brIf(done);
  const differs = fn.block();
  const unequal = (at: number, local: number): void => {
    fn.localGet(elem);
    fn.memory(memOp.i32Load, at);
    fn.localGet(local);
    fn.op(op.i32Ne);
    fn.brIf(differs);
  };
  unequal(layout.hash, hash);
  words.forEach((word, i) => unequal(layout.key + 4 * i, word));
  fn.br(done);
  fn.end();
  fn.localGet(elem);
  fn.memory(memOp.i32Load, layout.next);
  fn.localSet(elem);
  fn.br(walk);
  fn.end();
  fn.end();
  return { words, hash, elem };
}

/** Whether keys are short enough for code that is unrolled. */
export function searchable(map: HtabMap): boolean {
  return map.keyWords <= MAX_KEY_WORDS;
}

/** A function from the offset of a key to that of its element, or 0; undefined where the ordinary call does as well. */
export function hashFind(emit: WasmEmit, map: HtabMap): FuncRef | undefined {
  if (!searchable(map)) return undefined;
  return emit.moduleFunction(`hash_find_${map.off}`, { params: [I32], results: [I32] }, (fn) => {
    fn.localGet(emitSearch(fn, map).elem);
  });
}
