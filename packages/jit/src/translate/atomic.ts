// SPDX-License-Identifier: MIT
// Atomic operations. While one thread sees the memory, reading and then writing is atomic, and four times as fast.
import { insnSize, type Insn } from '@tsbpf/insn';
import {
  BPF_ADD,
  BPF_AND,
  BPF_CMPXCHG,
  BPF_FETCH,
  BPF_LOAD_ACQ,
  BPF_OR,
  BPF_STORE_REL,
  BPF_XCHG,
  BPF_XOR,
} from '@tsbpf/uapi';
import { atomicOp, I32, I64, memOp, op, type AtomicOp, type MemOp, type PlainOp } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { withTemp } from './temp.ts';
import { unknownInsn } from './unknown.ts';

interface Combine {
  readonly wide: PlainOp;
  readonly narrow: PlainOp;
  readonly atomic: AtomicOp;
  readonly atomic32: AtomicOp;
}

const COMBINE: Readonly<Record<number, Combine>> = {
  [BPF_ADD]: {
    wide: op.i64Add,
    narrow: op.i32Add,
    atomic: atomicOp.i64AtomicRmwAdd,
    atomic32: atomicOp.i32AtomicRmwAdd,
  },
  [BPF_OR]: { wide: op.i64Or, narrow: op.i32Or, atomic: atomicOp.i64AtomicRmwOr, atomic32: atomicOp.i32AtomicRmwOr },
  [BPF_AND]: {
    wide: op.i64And,
    narrow: op.i32And,
    atomic: atomicOp.i64AtomicRmwAnd,
    atomic32: atomicOp.i32AtomicRmwAnd,
  },
  [BPF_XOR]: {
    wide: op.i64Xor,
    narrow: op.i32Xor,
    atomic: atomicOp.i64AtomicRmwXor,
    atomic32: atomicOp.i32AtomicRmwXor,
  },
};

const PLAIN_LOAD: Readonly<Record<number, MemOp>> = {
  1: memOp.i64Load8U,
  2: memOp.i64Load16U,
  4: memOp.i64Load32U,
  8: memOp.i64Load,
};
const PLAIN_STORE: Readonly<Record<number, MemOp>> = {
  1: memOp.i64Store8,
  2: memOp.i64Store16,
  4: memOp.i64Store32,
  8: memOp.i64Store,
};
const ATOMIC_LOAD: Readonly<Record<number, AtomicOp>> = {
  1: atomicOp.i64AtomicLoad8U,
  2: atomicOp.i64AtomicLoad16U,
  4: atomicOp.i64AtomicLoad32U,
  8: atomicOp.i64AtomicLoad,
};
const ATOMIC_STORE: Readonly<Record<number, AtomicOp>> = {
  1: atomicOp.i64AtomicStore8,
  2: atomicOp.i64AtomicStore16,
  4: atomicOp.i64AtomicStore32,
  8: atomicOp.i64AtomicStore,
};

export function emitAtomic(body: Body, insn: Insn, idx: number): void {
  const { fn } = body;
  const { dst, src, off, imm } = insn;
  const size = insnSize(insn);
  const shared = body.unit.source.sharedMemory;
  if (imm === BPF_LOAD_ACQ) {
    const at = body.address(src, off);
    if (shared) fn.atomic(ATOMIC_LOAD[size], at);
    else fn.memory(PLAIN_LOAD[size], at, 0);
    return body.set(dst);
  }
  if (imm === BPF_STORE_REL) {
    const at = body.address(dst, off);
    body.get(src);
    if (shared) fn.atomic(ATOMIC_STORE[size], at);
    else fn.memory(PLAIN_STORE[size], at, 0);
    return;
  }
  const operation = imm & ~BPF_FETCH;
  const known = imm === BPF_XCHG || imm === BPF_CMPXCHG || operation in COMBINE;
  if (size < 4 || !known) throw unknownInsn(insn, idx);
  const wide = size === 8;
  if (shared) emitShared(body, insn, wide);
  else emitPlain(body, insn, wide);
}

/** Pushes a register in the width of the operation. */
function operand(body: Body, reg: number, wide: boolean): void {
  if (wide) body.get(reg);
  else body.low(reg);
}

/** Pops what was fetched into its register. */
function fetched(body: Body, reg: number, wide: boolean): void {
  if (wide) body.set(reg);
  else body.setZext(reg);
}

function emitShared(body: Body, { dst, src, off, imm }: Insn, wide: boolean): void {
  const { fn } = body;
  const at = body.address(dst, off);
  if (imm === BPF_CMPXCHG) {
    operand(body, 0, wide);
    operand(body, src, wide);
    fn.atomic(wide ? atomicOp.i64AtomicRmwCmpxchg : atomicOp.i32AtomicRmwCmpxchg, at);
    return fetched(body, 0, wide);
  }
  operand(body, src, wide);
  if (imm === BPF_XCHG) {
    fn.atomic(wide ? atomicOp.i64AtomicRmwXchg : atomicOp.i32AtomicRmwXchg, at);
    return fetched(body, src, wide);
  }
  const combine = COMBINE[imm & ~BPF_FETCH];
  fn.atomic(wide ? combine.atomic : combine.atomic32, at);
  if ((imm & BPF_FETCH) !== 0) fetched(body, src, wide);
  else fn.op(op.drop);
}

function emitPlain(body: Body, { dst, src, off, imm }: Insn, wide: boolean): void {
  const { fn } = body;
  const type = wide ? I64 : I32;
  const load = wide ? memOp.i64Load : memOp.i32Load;
  const store = wide ? memOp.i64Store : memOp.i32Store;
  withTemp(fn, type, (old) => {
    withTemp(fn, I32, (addr) => {
      const at = body.address(dst, off);
      fn.localTee(addr);
      fn.localGet(addr);
      fn.memory(load, at, 0);
      fn.localSet(old);
      // The address is still on the stack.
      if (imm === BPF_CMPXCHG) {
        operand(body, src, wide);
        fn.localGet(old);
        fn.localGet(old);
        operand(body, 0, wide);
        fn.op(wide ? op.i64Eq : op.i32Eq);
        fn.op(op.select);
      } else if (imm === BPF_XCHG) {
        operand(body, src, wide);
      } else {
        const combine = COMBINE[imm & ~BPF_FETCH];
        fn.localGet(old);
        operand(body, src, wide);
        fn.op(wide ? combine.wide : combine.narrow);
      }
      fn.memory(store, at, 0);
    });
    if ((imm & BPF_FETCH) === 0) return;
    fn.localGet(old);
    fetched(body, imm === BPF_CMPXCHG ? 0 : src, wide);
  });
}
