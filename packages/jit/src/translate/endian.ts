// SPDX-License-Identifier: MIT
// Byte order: le, be and bswap. WebAssembly has no byte swap.
import type { Insn } from '@tsbpf/insn';
import { BPF_ALU64, BPF_TO_BE } from '@tsbpf/uapi';
import { I32, I64, op, type FunctionBuilder } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { withTemp } from './temp.ts';

/** Pops a word and pushes it with its bytes swapped. */
export function swap32(fn: FunctionBuilder): void {
  withTemp(fn, I32, (x) => {
    fn.localSet(x);
    fn.localGet(x);
    fn.i32Const(8);
    fn.op(op.i32Rotl);
    fn.i32Const(0x00ff00ff);
    fn.op(op.i32And);
    fn.localGet(x);
    fn.i32Const(8);
    fn.op(op.i32Rotr);
    fn.i32Const(0xff00ff00 | 0);
    fn.op(op.i32And);
    fn.op(op.i32Or);
  });
}

/** Pops a word and pushes its low half with its bytes swapped. */
export function swap16(fn: FunctionBuilder): void {
  withTemp(fn, I32, (x) => {
    fn.localTee(x);
    fn.i32Const(8);
    fn.op(op.i32Shl);
    fn.i32Const(0xff00);
    fn.op(op.i32And);
    fn.localGet(x);
    fn.i32Const(8);
    fn.op(op.i32ShrU);
    fn.i32Const(0xff);
    fn.op(op.i32And);
    fn.op(op.i32Or);
  });
}

/** Pops 64 bits and pushes them with their bytes swapped: pairs, then pairs of pairs, then words. */
function swap64(fn: FunctionBuilder): void {
  withTemp(fn, I64, (x) => {
    const exchange = (bits: number, mask: bigint): void => {
      fn.localTee(x);
      fn.i64Const(mask);
      fn.op(op.i64And);
      fn.i64ConstS32(bits);
      fn.op(op.i64Shl);
      fn.localGet(x);
      fn.i64ConstS32(bits);
      fn.op(op.i64ShrU);
      fn.i64Const(mask);
      fn.op(op.i64And);
      fn.op(op.i64Or);
    };
    exchange(8, 0x00ff00ff00ff00ffn);
    exchange(16, 0x0000ffff0000ffffn);
    fn.i64ConstS32(32);
    fn.op(op.i64Rotl);
  });
}

export function emitEndian(body: Body, insn: Insn): void {
  const { fn } = body;
  const { dst, imm: bits } = insn;
  const swaps = (insn.code & 7) === BPF_ALU64 || (insn.code & BPF_TO_BE) !== 0;
  if (bits === 64) {
    if (!swaps) return;
    body.get(dst);
    swap64(fn);
    return body.set(dst);
  }
  body.low(dst);
  if (bits === 32) {
    if (swaps) swap32(fn);
  } else if (swaps) {
    swap16(fn);
  } else {
    fn.i32Const(0xffff);
    fn.op(op.i32And);
  }
  body.setZext(dst);
}
