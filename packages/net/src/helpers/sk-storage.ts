// SPDX-License-Identifier: MIT
// bpf_sk_storage_get and bpf_sk_storage_delete. @see net/core/bpf_sk_storage.c
import { BPF_NOEXIST, ENOENT } from '@tsbpf/uapi';
import { defineHelper, type HelperRow, type KernelServices, type WasmCall } from '@tsbpf/core';
import { I32, I64, memOp, op } from '@tsbpf/wasm';
import { KERNEL_BASE } from '@tsbpf/memory';
import { readField } from '../dev/fields.ts';
import { ELEM } from '../sk-storage/layout.ts';
import { cacheSlotAt, findValue, removeValue, storeValue, type SkStorageMap } from '../sk-storage/storage.ts';

/** BPF_SK_STORAGE_GET_F_CREATE */
const CREATE = 1;

function mapAt(kernel: KernelServices, off: number): SkStorageMap | undefined {
  return kernel.objects.get<SkStorageMap>(off >>> 0, 'map');
}

/** A socket nobody holds is on its way out: nothing may be stored with it, or taken from it. */
function alive(kernel: KernelServices, sk: number): boolean {
  return readField(kernel, sk, 'sock_common.skc_refcnt') !== 0;
}

/** The value that the socket's cache names for the map, whatever the flags mean there; else the call. */
function emitGet({ fn, kernel, arg, arg64, otherwise }: WasmCall): boolean {
  if (otherwise === undefined) return false;
  const elem = fn.borrowLocal(I32);
  const found = fn.block(I64);
  const none = fn.block();
  // Bad flags find nothing.
  arg64(4);
  fn.i64ConstS32(CREATE);
  fn.op(op.i64GtU);
  fn.brIf(none);
  arg(2);
  fn.memory(memOp.i32Load, kernel.types.resolve('sock.sk_bpf_storage').off);
  fn.localTee(elem);
  fn.op(op.i32Eqz);
  fn.brIf(none);
  fn.localGet(elem);
  arg(1);
  fn.memory(memOp.i32Load, cacheSlotAt(kernel));
  fn.op(op.i32Add);
  fn.memory(memOp.i32Load);
  fn.localTee(elem);
  fn.op(op.i32Eqz);
  fn.brIf(none);
  fn.localGet(elem);
  fn.memory(memOp.i32Load, ELEM.map);
  arg(1);
  fn.op(op.i32Ne);
  fn.brIf(none);
  fn.localGet(elem);
  fn.op(op.i64ExtendI32U);
  fn.i64Const(BigInt.asIntN(64, KERNEL_BASE + BigInt(ELEM.data)));
  fn.op(op.i64Add);
  fn.br(found);
  fn.end();
  otherwise();
  fn.end();
  fn.giveBackLocal(I32, elem);
  return true;
}

/** Helpers on values that live with sockets. */
export const skStorageHelpers: readonly HelperRow[] = [
  defineHelper('bpf_sk_storage_get', {
    retWidth: 'ptr',
    wideArgs: [4],
    emitWasm: emitGet,
    call({ kernel, argHi }, mapOff, skOff, valueOff, flags) {
      const map = mapAt(kernel, mapOff);
      const sk = skOff >>> 0;
      if (map === undefined || argHi[4] !== 0 || flags >>> 0 > CREATE) return 0;
      const found = findValue(map, sk);
      if (found !== 0 || flags !== CREATE || !alive(kernel, sk)) return found;
      return Math.max(0, storeValue(map, sk, valueOff >>> 0, BPF_NOEXIST));
    },
  }),
  defineHelper('bpf_sk_storage_delete', {
    retWidth: 'sext',
    call({ kernel }, mapOff, skOff) {
      const map = mapAt(kernel, mapOff);
      const sk = skOff >>> 0;
      return map === undefined || !alive(kernel, sk) ? -ENOENT : removeValue(map, sk);
    },
  }),
];
