// SPDX-License-Identifier: MIT
import { usesSrcReg } from '@tsbpf/insn';
import {
  BPF_JCOND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
} from '@tsbpf/uapi';
import { op, type PlainOp } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { unknownInsn } from './unknown.ts';

const WIDE: Readonly<Partial<Record<number, PlainOp>>> = {
  [BPF_JEQ]: op.i64Eq,
  [BPF_JNE]: op.i64Ne,
  [BPF_JGT]: op.i64GtU,
  [BPF_JGE]: op.i64GeU,
  [BPF_JLT]: op.i64LtU,
  [BPF_JLE]: op.i64LeU,
  [BPF_JSGT]: op.i64GtS,
  [BPF_JSGE]: op.i64GeS,
  [BPF_JSLT]: op.i64LtS,
  [BPF_JSLE]: op.i64LeS,
};

const NARROW: Readonly<Partial<Record<number, PlainOp>>> = {
  [BPF_JEQ]: op.i32Eq,
  [BPF_JNE]: op.i32Ne,
  [BPF_JGT]: op.i32GtU,
  [BPF_JGE]: op.i32GeU,
  [BPF_JLT]: op.i32LtU,
  [BPF_JLE]: op.i32LeU,
  [BPF_JSGT]: op.i32GtS,
  [BPF_JSGE]: op.i32GeS,
  [BPF_JSLT]: op.i32LtS,
  [BPF_JSLE]: op.i32LeS,
};

/** The instruction that compares as a jump's operation says. */
export function comparison(operation: number, wide: boolean): PlainOp | undefined {
  return (wide ? WIDE : NARROW)[operation];
}

/** Pushes whether the jump at `idx` is taken. */
export function emitCondition(body: Body, idx: number): void {
  const { fn } = body;
  const insn = body.unit.source.insns[idx];
  const { dst, src, imm } = insn;
  const operation = insn.code & 0xf0;
  const wide = (insn.code & 7) === BPF_JMP;
  if (operation === BPF_JCOND) {
    // Taken once the loops are used up; otherwise one is.
    const { loops } = body;
    fn.localGet(loops);
    fn.localGet(loops);
    fn.localGet(loops);
    fn.i32Const(0);
    fn.op(op.i32Ne);
    fn.op(op.i32Sub);
    fn.localSet(loops);
    fn.op(op.i32Eqz);
    return;
  }
  const push = (reg: number): void => (wide ? body.get(reg) : body.low(reg));
  push(dst);
  if (usesSrcReg(insn)) push(src);
  else if (wide) fn.i64ConstS32(imm);
  else fn.i32Const(imm);
  if (operation === BPF_JSET) {
    fn.op(wide ? op.i64And : op.i32And);
    if (wide) fn.i64ConstS32(0);
    else fn.i32Const(0);
    fn.op(wide ? op.i64Ne : op.i32Ne);
    return;
  }
  const opcode = comparison(operation, wide);
  if (opcode === undefined) throw unknownInsn(insn, idx);
  fn.op(opcode);
}
