// SPDX-License-Identifier: MIT
// Loads and stores. The verifier has checked addresses: the high word is ignored, and the end of memory traps.
import { insnSize, type Insn } from '@tsbpf/insn';
import { KERNEL_BASE_HI } from '@tsbpf/memory';
import { BPF_ATOMIC, BPF_LDX, BPF_MEM, BPF_MEMSX, BPF_ST } from '@tsbpf/uapi';
import { I64, memOp, op, type MemOp } from '@tsbpf/wasm';
import { emitAtomic } from './atomic.ts';
import type { Body } from './body.ts';
import { withTemp } from './temp.ts';
import { unknownInsn } from './unknown.ts';

const LOAD: Readonly<Record<number, MemOp>> = {
  1: memOp.i64Load8U,
  2: memOp.i64Load16U,
  4: memOp.i64Load32U,
  8: memOp.i64Load,
};
const LOAD_SIGNED: Readonly<Record<number, MemOp>> = {
  1: memOp.i64Load8S,
  2: memOp.i64Load16S,
  4: memOp.i64Load32S,
  8: memOp.i64Load,
};
const STORE: Readonly<Record<number, MemOp>> = {
  1: memOp.i64Store8,
  2: memOp.i64Store16,
  4: memOp.i64Store32,
  8: memOp.i64Store,
};

export function emitMemory(body: Body, insn: Insn, idx: number): void {
  const mode = insn.code & 0xe0;
  const cls = insn.code & 7;
  const size = insnSize(insn);
  const { fn } = body;
  const { dst, src, off } = insn;
  if (cls === BPF_LDX) {
    if (mode !== BPF_MEM && mode !== BPF_MEMSX) throw unknownInsn(insn, idx);
    const opcode = (mode === BPF_MEMSX ? LOAD_SIGNED : LOAD)[size];
    if (body.unit.source.probeMem(idx)) return emitProbe(body, insn, opcode);
    const at = body.address(src, off);
    fn.memory(opcode, at, 0);
    return body.set(dst);
  }
  if (mode === BPF_ATOMIC && cls !== BPF_ST) return emitAtomic(body, insn, idx);
  if (mode !== BPF_MEM) throw unknownInsn(insn, idx);
  const at = body.address(dst, off);
  if (cls === BPF_ST) fn.i64ConstS32(insn.imm);
  else body.get(src);
  fn.memory(STORE[size], at, 0);
}

/**
 * A load through a BTF pointer. What is not an address of kernel memory reads 0 at once; JavaScript knows what lives
 * at the others.
 */
function emitProbe(body: Body, { dst, src, off, code }: Insn, opcode: MemOp): void {
  const { fn } = body;
  withTemp(fn, I64, (addr) => {
    body.get(src);
    fn.i64ConstS32(off);
    fn.op(op.i64Add);
    fn.localTee(addr);
    fn.i64ConstS32(32);
    fn.op(op.i64ShrS);
    fn.i64ConstS32(KERNEL_BASE_HI);
    fn.op(op.i64Eq);
    fn.if(I64);
    fn.localGet(addr);
    fn.op(op.i32WrapI64);
    fn.i32Const(insnSize({ code } as Insn));
    fn.call(body.unit.service('probe'));
    fn.if(I64);
    fn.localGet(addr);
    fn.op(op.i32WrapI64);
    fn.memory(opcode, 0, 0);
    fn.else();
    fn.i64ConstS32(0);
    fn.end();
    fn.else();
    fn.i64ConstS32(0);
    fn.end();
  });
  body.set(dst);
}
