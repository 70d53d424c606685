// SPDX-License-Identifier: MIT
// A hash lookup as Wasm, specialised for one map: sizes, seed and addresses are constants. The layout is in the README.
import { I32, memOp, op, type FunctionBuilder, type Label } from '@tsbpf/wasm';
import type { WasmEmit } from '@tsbpf/core';
import { wordFactor } from '../hash/hash.ts';
import type { HtabMap } from '../hash/htab-map.ts';

/** Longer keys are looked up by the ordinary call. Words. */
const MAX_KEY_WORDS = 16;
/** Searches for keys of at most so many words stand where the lookup is; others are functions. */
const INLINE_KEY_WORDS = 4;

/** Pushes word `index` of the key; the last one is padded with zeroes, never read beyond the key. */
function pushKeyWord(fn: FunctionBuilder, key: number, keySize: number, index: number): void {
  const off = index * 4;
  const rest = Math.min(4, keySize - off);
  const load = (opcode: typeof memOp.i32Load | typeof memOp.i32Load8U, at: number): void => {
    fn.localGet(key);
    fn.memory(opcode, at, 0);
  };
  if (rest === 4) load(memOp.i32Load, off);
  else if (rest === 1) load(memOp.i32Load8U, off);
  else {
    fn.localGet(key);
    fn.memory(memOp.i32Load16U, off, 0);
    if (rest === 2) return;
    load(memOp.i32Load8U, off + 2);
    fn.i32Const(16);
    fn.op(op.i32Shl);
    fn.op(op.i32Or);
  }
}

/** Pops an i32 and pushes it xor itself shifted right; `temp` is a local to do that with. */
function foldRight(fn: FunctionBuilder, temp: number, bits: number): void {
  fn.localTee(temp);
  fn.localGet(temp);
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
  words.forEach((word, i) => {
    fn.localGet(word);
    times(fn, wordFactor(i));
    foldRight(fn, hash, 15);
    fn.op(op.i32Add);
  });
  foldRight(fn, hash, 16);
  times(fn, 0x85ebca6b);
  foldRight(fn, hash, 15);
  fn.localSet(hash);
}

/** What a search leaves in locals: words of the key, its hash, the element or 0. */
export interface Search {
  readonly words: readonly number[];
  readonly hash: number;
  readonly elem: number;
}

/** Words that one condition compares. */
const COMPARED = 4;

/**
 * Leaves the block of `equal` where the element's key is the one in the locals. Several words make one condition: one
 * branch that the processor foresees.
 */
function emitCompare(
  fn: FunctionBuilder,
  at: number,
  key: { elem: number; words: readonly number[] },
  equal: Label,
): void {
  const { elem, words } = key;
  const differs = fn.block();
  for (let first = 0; first < words.length; first += COMPARED) {
    words.slice(first, first + COMPARED).forEach((word, i) => {
      fn.localGet(elem);
      fn.memory(memOp.i32Load, at + 4 * (first + i));
      fn.localGet(word);
      fn.op(op.i32Xor);
      if (i > 0) fn.op(op.i32Or);
    });
    if (first + COMPARED < words.length) fn.brIf(differs);
    else {
      fn.op(op.i32Eqz);
      fn.brIf(equal);
    }
  }
  fn.end();
}

/** Searches for the key at the offset in a local: the first parameter of a function of its own. */
export function emitSearch(fn: FunctionBuilder, map: HtabMap, key = 0): Search {
  const { layout, keySize, keyWords } = map;
  const words = Array.from({ length: keyWords }, () => fn.borrowLocal(I32));
  const hash = fn.borrowLocal(I32);
  const elem = fn.borrowLocal(I32);
  // Word by word, as programs write keys: a processor is slow to load at once what was stored in parts.
  words.forEach((word, i) => {
    pushKeyWord(fn, key, keySize, i);
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
  emitCompare(fn, layout.key, { elem, words }, done);
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

/**
 * Pops the offset of a key and pushes that of its element, or 0; false, with nothing emitted, where the ordinary call
 * does as well.
 */
export function emitFind(emit: WasmEmit, map: HtabMap, pushKey: () => void): boolean {
  if (!searchable(map)) return false;
  const { fn } = emit;
  pushKey();
  if (map.keyWords <= INLINE_KEY_WORDS) {
    const key = fn.borrowLocal(I32);
    fn.localSet(key);
    const { words, hash, elem } = emitSearch(fn, map, key);
    fn.localGet(elem);
    for (const local of [key, ...words, hash, elem]) fn.giveBackLocal(I32, local);
    return true;
  }
  const find = emit.moduleFunction(`hash_find_${map.off}`, { params: [I32], results: [I32] }, (own) => {
    own.localGet(emitSearch(own, map).elem);
  });
  fn.call(find);
  return true;
}
