// SPDX-License-Identifier: MIT
// Updates and deletions in preallocated hash tables, as Wasm: what htabUpdate and htabDelete do, for one map.
import { BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT } from '@tsbpf/uapi';
import { I32, memOp, op, type FunctionBuilder } from '@tsbpf/wasm';
import type { WasmCall } from '@tsbpf/core';
import { BUMP, LIVE } from '../hash/elem-order.ts';
import { ORDER_FROM_NEXT, type HtabMap } from '../hash/htab-map.ts';
import { CPU_STATE_SIZE, END, FRESH, HEAD, SPARE, type PreallocatedElems } from '../hash/prealloc.ts';
import { emitSearch, searchable, type Search } from './hash-find.ts';

/** Values of at most so many bytes are copied by loads and stores. */
const UNROLLED_BYTES = 64;

interface Site {
  readonly fn: FunctionBuilder;
  readonly map: HtabMap;
  readonly pool: PreallocatedElems;
  readonly cpuOff: number;
  readonly cpus: number;
}

/** What is emitted for: elements are preallocated, and values are bytes. Undefined for other maps. */
function siteOf({ kernel }: WasmCall, map: HtabMap): Omit<Site, 'fn'> | undefined {
  const { preallocated: pool, onFree } = map;
  const { cpuOff, cpus } = kernel.env;
  if (pool === undefined || cpuOff === undefined || onFree !== undefined || !searchable(map)) return undefined;
  if (map.spinLockOff >= 0 || map.slotSize !== map.valueSize) return undefined;
  return { map, pool, cpuOff, cpus };
}

/** Sets `state` to the offset of the state of the CPU `turn` (a local) places after this one. */
function emitCpuState({ fn, pool, cpuOff, cpus }: Site, state: number, turn?: number): void {
  fn.i32Const(cpuOff);
  fn.memory(memOp.i32Load);
  if (turn !== undefined) {
    fn.localGet(turn);
    fn.op(op.i32Add);
    fn.i32Const(cpus);
    fn.op(op.i32RemU);
  }
  fn.i32Const(CPU_STATE_SIZE);
  fn.op(op.i32Mul);
  fn.i32Const(pool.stateOff | 0);
  fn.op(op.i32Add);
  fn.localSet(state);
}

/** Takes a free element into `taken`, of this CPU's list first; returns -E2BIG where there is none. */
function emitTake(site: Site, state: number, taken: number): void {
  const { fn, pool, cpus } = site;
  const turn = fn.local(I32, 'turn');
  const done = fn.block();
  const next = fn.loop();
  emitCpuState(site, state, turn);
  fn.localGet(state);
  fn.memory(memOp.i32Load, HEAD);
  fn.localTee(taken);
  fn.if();
  fn.localGet(state);
  fn.localGet(taken);
  fn.memory(memOp.i32Load, pool.linkAt);
  fn.memory(memOp.i32Store, HEAD);
  fn.br(done);
  fn.end();
  fn.localGet(state);
  fn.memory(memOp.i32Load, FRESH);
  fn.localTee(taken);
  fn.localGet(state);
  fn.memory(memOp.i32Load, END);
  fn.op(op.i32Ne);
  fn.if();
  fn.localGet(state);
  fn.localGet(taken);
  fn.i32Const(pool.stride);
  fn.op(op.i32Add);
  fn.memory(memOp.i32Store, FRESH);
  fn.br(done);
  fn.end();
  fn.localGet(turn);
  fn.i32Const(1);
  fn.op(op.i32Add);
  fn.localTee(turn);
  fn.i32Const(cpus);
  fn.op(op.i32LtU);
  fn.brIf(next);
  fn.end();
  emitReturn(fn, -E2BIG);
  fn.end();
}

function emitReturn(fn: FunctionBuilder, value: number): void {
  fn.i32Const(value);
  fn.return();
}

/** Copies a value from the offset in the local `from` to the element. */
function emitCopy({ fn, map }: Site, elem: number, from: number): void {
  const { valueAt, valueSize } = map;
  if (valueSize > UNROLLED_BYTES) {
    fn.localGet(elem);
    fn.i32Const(valueAt);
    fn.op(op.i32Add);
    fn.localGet(from);
    fn.i32Const(valueSize);
    fn.memoryCopy();
    return;
  }
  for (let at = 0; at < valueSize;) {
    const left = valueSize - at;
    const [bytes, load, store] =
      left >= 8
        ? ([8, memOp.i64Load, memOp.i64Store] as const)
        : left >= 4
          ? ([4, memOp.i32Load, memOp.i32Store] as const)
          : left >= 2
            ? ([2, memOp.i32Load16U, memOp.i32Store16] as const)
            : ([1, memOp.i32Load8U, memOp.i32Store8] as const);
    fn.localGet(elem);
    fn.localGet(from);
    fn.memory(load, at, 0);
    fn.memory(store, valueAt + at, 0);
    at += bytes;
  }
}

/** Sets `link` to the offset of the bucket of the hash. */
function emitBucket({ fn, map }: Site, { hash }: Search, link: number): void {
  fn.localGet(hash);
  fn.i32Const(map.bucketMask);
  fn.op(op.i32And);
  fn.i32Const(2);
  fn.op(op.i32Shl);
  fn.i32Const(map.bucketsOff | 0);
  fn.op(op.i32Add);
  fn.localSet(link);
}

/** Writes key and hash, and puts the element first in the bucket at `link`. */
function emitLink({ fn, map: { layout } }: Site, { words, hash }: Search, elem: number, link: number): void {
  const put = (at: number, local: number): void => {
    fn.localGet(elem);
    fn.localGet(local);
    fn.memory(memOp.i32Store, at);
  };
  words.forEach((word, i) => put(layout.key + 4 * i, word));
  put(layout.hash, hash);
  fn.localGet(elem);
  fn.localGet(link);
  fn.memory(memOp.i32Load);
  fn.memory(memOp.i32Store, layout.next);
  fn.localGet(link);
  fn.localGet(elem);
  fn.memory(memOp.i32Store);
}

/** Gives an element that enters the table a word of the walk order, unless it has one: there is room for all. */
function emitOrderWord({ fn, map }: Site, elem: number, word: number): void {
  const at = map.layout.next + ORDER_FROM_NEXT;
  const bump = map.order.stateOff + BUMP;
  fn.localGet(elem);
  fn.memory(memOp.i32Load, at);
  fn.localTee(word);
  fn.op(op.i32Eqz);
  fn.if();
  fn.i32Const(bump | 0);
  fn.memory(memOp.i32Load);
  fn.localSet(word);
  fn.i32Const(bump | 0);
  fn.localGet(word);
  fn.i32Const(4);
  fn.op(op.i32Add);
  fn.memory(memOp.i32Store);
  fn.localGet(elem);
  fn.localGet(word);
  fn.memory(memOp.i32Store, at);
  fn.end();
}

/** Exchanges the words of `elem` and of `old`, which it replaces: sets `word` to the one that names an entry. */
function emitTakeOver({ fn, map }: Site, elem: number, old: number, word: number): void {
  const at = map.layout.next + ORDER_FROM_NEXT;
  fn.localGet(old);
  fn.memory(memOp.i32Load, at);
  fn.localSet(word);
  fn.localGet(old);
  fn.localGet(elem);
  fn.memory(memOp.i32Load, at);
  fn.memory(memOp.i32Store, at);
  fn.localGet(elem);
  fn.localGet(word);
  fn.memory(memOp.i32Store, at);
}

/** Takes the element, which is there, out of the list that begins at `link`; changes `link`. */
function emitUnlink({ fn, map: { layout } }: Site, elem: number, link: number): void {
  const at = fn.local(I32);
  const found = fn.block();
  const next = fn.loop();
  fn.localGet(link);
  fn.memory(memOp.i32Load);
  fn.localTee(at);
  fn.localGet(elem);
  fn.op(op.i32Eq);
  fn.brIf(found);
  fn.localGet(at);
  fn.i32Const(layout.next);
  fn.op(op.i32Add);
  fn.localSet(link);
  fn.br(next);
  fn.end();
  fn.end();
  fn.localGet(link);
  fn.localGet(elem);
  fn.memory(memOp.i32Load, layout.next);
  fn.memory(memOp.i32Store);
}

/** `(key, value, flags) → 0 or -errno`; flags are ANY, NOEXIST or EXIST. */
function emitUpdate(site: Site): void {
  const { fn } = site;
  const [value, flags] = [1, 2];
  const search = emitSearch(fn, site.map);
  const { elem: old } = search;
  const state = fn.local(I32, 'state');
  const taken = fn.local(I32, 'taken');
  const link = fn.local(I32, 'link');
  const word = fn.local(I32, 'word');
  const refuse = (flag: number, errno: number): void => {
    fn.localGet(flags);
    fn.i32Const(flag);
    fn.op(op.i32Eq);
    fn.if();
    emitReturn(fn, -errno);
    fn.end();
  };
  fn.localGet(old);
  fn.if();
  refuse(BPF_NOEXIST, EEXIST);
  // This CPU's spare takes its place, and it becomes the spare.
  emitCpuState(site, state);
  fn.localGet(state);
  fn.memory(memOp.i32Load, SPARE);
  fn.localSet(taken);
  fn.localGet(state);
  fn.localGet(old);
  fn.memory(memOp.i32Store, SPARE);
  emitTakeOver(site, taken, old, word);
  fn.else();
  refuse(BPF_EXIST, ENOENT);
  emitTake(site, state, taken);
  emitOrderWord(site, taken, word);
  fn.end();
  fn.localGet(word);
  fn.localGet(taken);
  fn.i32Const(LIVE);
  fn.op(op.i32Or);
  fn.memory(memOp.i32Store);
  emitCopy(site, taken, value);
  emitBucket(site, search, link);
  emitLink(site, search, taken, link);
  fn.localGet(old);
  fn.if();
  emitUnlink(site, old, link);
  fn.end();
  fn.i32Const(0);
}

/** `(key) → 0 or -ENOENT` */
function emitDelete(site: Site): void {
  const { fn, map, pool } = site;
  const search = emitSearch(fn, map);
  const state = fn.local(I32, 'state');
  const link = fn.local(I32, 'link');
  fn.localGet(search.elem);
  fn.op(op.i32Eqz);
  fn.if();
  emitReturn(fn, -ENOENT);
  fn.end();
  emitBucket(site, search, link);
  emitUnlink(site, search.elem, link);
  fn.localGet(search.elem);
  fn.memory(memOp.i32Load, map.layout.next + ORDER_FROM_NEXT);
  fn.i32Const(0);
  fn.memory(memOp.i32Store);
  emitCpuState(site, state);
  fn.localGet(search.elem);
  fn.localGet(state);
  fn.memory(memOp.i32Load, HEAD);
  fn.memory(memOp.i32Store, pool.linkAt);
  fn.localGet(state);
  fn.localGet(search.elem);
  fn.memory(memOp.i32Store, HEAD);
  fn.i32Const(0);
}

/** An update: R2 the key, R3 the value, R4 flags, of which those beyond EXIST need a lock that the map has not. */
export function emitHashUpdate(call: WasmCall, map: HtabMap): boolean {
  const site = siteOf(call, map);
  if (site === undefined) return false;
  const { fn } = call;
  const signature = { params: [I32, I32, I32], results: [I32] } as const;
  const update = call.moduleFunction(`hash_update_${map.off}`, signature, (own) => emitUpdate({ ...site, fn: own }));
  call.arg64(4);
  fn.i64ConstS32(BPF_EXIST);
  fn.op(op.i64GtU);
  fn.if(I32);
  fn.i32Const(-EINVAL);
  fn.else();
  call.arg(2);
  call.arg(3);
  call.arg(4);
  fn.call(update);
  fn.end();
  return true;
}

/** A deletion: R2 the key. */
export function emitHashDelete(call: WasmCall, map: HtabMap): boolean {
  const site = siteOf(call, map);
  if (site === undefined) return false;
  const signature = { params: [I32], results: [I32] } as const;
  const remove = call.moduleFunction(`hash_delete_${map.off}`, signature, (fn) => emitDelete({ ...site, fn }));
  call.arg(2);
  call.fn.call(remove);
  return true;
}
