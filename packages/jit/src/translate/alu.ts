// SPDX-License-Identifier: MIT
// ALU and ALU64. Registers are 64 bits; an operation of 32 bits works on low words and clears the high one.
import { usesSrcReg, type Insn } from '@tsbpf/insn';
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_END,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_REG_FP,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from '@tsbpf/uapi';
import { op, type PlainOp } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { emitDivision } from './divide.ts';
import { emitEndian } from './endian.ts';
import { unknownInsn } from './unknown.ts';

const WIDE: Readonly<Record<number, PlainOp>> = {
  [BPF_ADD]: op.i64Add,
  [BPF_SUB]: op.i64Sub,
  [BPF_MUL]: op.i64Mul,
  [BPF_OR]: op.i64Or,
  [BPF_AND]: op.i64And,
  [BPF_XOR]: op.i64Xor,
  [BPF_LSH]: op.i64Shl,
  [BPF_RSH]: op.i64ShrU,
  [BPF_ARSH]: op.i64ShrS,
};

const NARROW: Readonly<Record<number, PlainOp>> = {
  [BPF_ADD]: op.i32Add,
  [BPF_SUB]: op.i32Sub,
  [BPF_MUL]: op.i32Mul,
  [BPF_OR]: op.i32Or,
  [BPF_AND]: op.i32And,
  [BPF_XOR]: op.i32Xor,
  [BPF_LSH]: op.i32Shl,
  [BPF_RSH]: op.i32ShrU,
  [BPF_ARSH]: op.i32ShrS,
};

/** Writes the instruction at `idx`. */
export function emitAlu(body: Body, insn: Insn, idx: number): void {
  const wide = (insn.code & 7) === BPF_ALU64;
  const operation = insn.code & 0xf0;
  if (operation === BPF_END) return emitEndian(body, insn);
  if (operation === BPF_NEG) return emitNeg(body, insn.dst, wide);
  if (operation === BPF_MOV) return emitMov(body, insn, idx, wide);
  if (operation === BPF_DIV || operation === BPF_MOD) {
    if (insn.off !== 0 && insn.off !== 1) throw unknownInsn(insn, idx);
    return emitDivision(body, insn, wide);
  }
  const opcode = (wide ? WIDE : NARROW)[operation] as PlainOp | undefined;
  if (opcode === undefined || insn.off !== 0) throw unknownInsn(insn, idx);
  const { fn } = body;
  const { dst, src, imm } = insn;
  if (body.turns.active && (operation === BPF_ADD || operation === BPF_SUB) && !usesSrcReg(insn)) {
    const delta = operation === BPF_ADD ? imm : -imm;
    if (body.known[dst] === undefined && body.turns.count(dst, delta, wide)) return;
  }
  if ((body.turns.gathers & (1 << dst)) !== 0) return body.turns.gather(dst, src, opcode, wide);
  if (wide) {
    // What points into the stack goes on doing so.
    const known = operation === BPF_ADD && !usesSrcReg(insn) ? body.known[dst] : undefined;
    const isSum = operation === BPF_ADD && known === undefined;
    if (isSum) {
      body.low(dst);
      if (usesSrcReg(insn)) body.low(src);
      else fn.i32Const(imm);
      fn.op(op.i32Add);
      body.setLow(dst);
    }
    body.get(dst);
    if (usesSrcReg(insn)) body.get(src);
    else fn.i64ConstS32(imm);
    fn.op(opcode);
    body.set(dst);
    if (known !== undefined) body.known[dst] = known + imm;
    if (isSum) body.keepLow(dst);
    return;
  }
  body.low(dst);
  if (usesSrcReg(insn)) body.low(src);
  else fn.i32Const(imm);
  fn.op(opcode);
  body.setZext(dst);
}

function emitNeg(body: Body, dst: number, wide: boolean): void {
  const { fn } = body;
  if (wide) {
    fn.i64ConstS32(0);
    body.get(dst);
    fn.op(op.i64Sub);
    body.set(dst);
    return;
  }
  fn.i32Const(0);
  body.low(dst);
  fn.op(op.i32Sub);
  body.setZext(dst);
}

const SIGN_WIDE: Readonly<Record<number, PlainOp>> = { 8: op.i64Extend8S, 16: op.i64Extend16S, 32: op.i64Extend32S };
const SIGN_NARROW: Readonly<Record<number, PlainOp>> = { 8: op.i32Extend8S, 16: op.i32Extend16S };

function emitMov(body: Body, insn: Insn, idx: number, wide: boolean): void {
  const { fn } = body;
  const { dst, src, off, imm } = insn;
  if (!usesSrcReg(insn)) {
    if (off !== 0) throw unknownInsn(insn, idx);
    if (wide) fn.i64ConstS32(imm);
    else fn.i64ConstWords(imm, 0);
    return body.set(dst);
  }
  if (off !== 0) {
    const extend = (wide ? SIGN_WIDE : SIGN_NARROW)[off] as PlainOp | undefined;
    if (extend === undefined) throw unknownInsn(insn, idx);
    if (wide) {
      body.get(src);
      fn.op(extend);
      return body.set(dst);
    }
    body.low(src);
    fn.op(extend);
    return body.setZext(dst);
  }
  const sum = body.turns.sums[src];
  if (!wide) {
    body.low(src);
    body.setZext(dst);
    body.turns.copied(dst, sum, false);
    return;
  }
  const known = src === BPF_REG_FP ? 0 : body.known[src];
  body.get(src);
  body.set(dst);
  body.known[dst] = known;
  body.turns.copied(dst, sum, true);
}
