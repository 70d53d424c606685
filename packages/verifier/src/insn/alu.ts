// SPDX-License-Identifier: MIT
// Arithmetic. @see kernel/bpf/verifier.c, check_alu_op, adjust_reg_min_max_vals
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_ARSH,
  BPF_DIV,
  BPF_END,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_NEG,
  BPF_RSH,
  BPF_SUB,
  BPF_X,
  EACCES,
  EINVAL,
} from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { markRegPrecise } from '../prune/precision.ts';
import { refuse } from '../refuse.ts';
import {
  type Width,
  aluForgetsReg,
  isInconsistent,
  knownImm,
  knownImm32,
  scalarAlu,
  truncate,
  unknownOfSize,
} from '../scalar/index.ts';
import { type Analysis, isSecret, regAt } from '../state/analysis.ts';
import { type Reg, scalar, withBounds } from '../state/reg.ts';
import { ownTop } from '../state/state.ts';
import { operatorText, pointerMath } from './ptr-math.ts';
import { readReg, setUnknown, writeReg } from './reg-access.ts';
import { sanitizeScalarMath } from './sanitize.ts';

/** One instruction of class ALU or ALU64. @errno EINVAL, EACCES */
export function checkAlu(a: Analysis, insn: Insn): void {
  const op = insn.code & 0xf0;
  if (op === BPF_END || op === BPF_NEG) unary(a, insn, op);
  else if (op === BPF_MOV) move(a, insn);
  else if (op > BPF_END) refuse(a.v, EINVAL, `invalid BPF_ALU opcode ${op.toString(16)}\n`);
  else binary(a, insn, op);
}

function unary(a: Analysis, insn: Insn, op: number): void {
  const { code, src, off, imm } = insn;
  if (op === BPF_NEG) {
    if ((code & BPF_X) !== 0 || src !== 0 || off !== 0 || imm !== 0) {
      refuse(a.v, EINVAL, 'BPF_NEG uses reserved fields\n');
    }
  } else if (src !== 0 || off !== 0 || (imm !== 16 && imm !== 32 && imm !== 64) || (code & 7) === BPF_ALU64) {
    refuse(a.v, EINVAL, 'BPF_END uses reserved fields\n');
  }
  if (isSecret(a, readReg(a, insn.dst))) refuse(a.v, EACCES, `R${insn.dst} pointer arithmetic prohibited\n`);
  writeReg(a, insn.dst);
  setUnknown(a, insn.dst);
}

/** The fields that only some forms of an instruction use are 0. @errno EINVAL */
function checkReserved(a: Analysis, insn: Insn, message: string): boolean {
  const byReg = (insn.code & BPF_X) !== 0;
  if (insn.off !== 0 || (byReg ? insn.imm !== 0 : insn.src !== 0)) {
    refuse(a.v, EINVAL, message);
  }
  return byReg;
}

function move(a: Analysis, insn: Insn): void {
  const byReg = checkReserved(a, insn, 'BPF_MOV uses reserved fields\n');
  const wide = (insn.code & 7) === BPF_ALU64;
  if (byReg) readReg(a, insn.src);
  const frame = writeReg(a, insn.dst);
  if (!byReg) {
    frame.regs[insn.dst] = scalar(wide ? knownImm(insn.imm) : knownImm32(insn.imm), a.precise);
    return;
  }
  const reg = frame.regs[insn.src];
  if (wide) {
    frame.regs[insn.dst] = reg;
    return;
  }
  if (isSecret(a, reg)) refuse(a.v, EACCES, `R${insn.src} partial copy of pointer\n`);
  frame.regs[insn.dst] =
    reg.type === 'SCALAR_VALUE' ? withBounds(reg, truncate(reg.bounds, 4)) : scalar(unknownOfSize(4), a.precise);
}

function binary(a: Analysis, insn: Insn, op: number): void {
  const { v } = a;
  const byReg = checkReserved(a, insn, 'BPF_ALU uses reserved fields\n');
  if (byReg) readReg(a, insn.src);
  readReg(a, insn.dst);
  if (!byReg && (op === BPF_DIV || op === BPF_MOD) && insn.imm === 0) refuse(v, EINVAL, 'div by zero\n');
  const width: Width = (insn.code & 7) === BPF_ALU64 ? 64 : 32;
  if (!byReg && (op === BPF_LSH || op === BPF_RSH || op === BPF_ARSH) && (insn.imm < 0 || insn.imm >= width)) {
    refuse(v, EINVAL, `invalid shift ${insn.imm}\n`);
  }
  writeReg(a, insn.dst);

  const dst = regAt(a, insn.dst);
  const dstIsPtr = dst.type !== 'SCALAR_VALUE';
  if (byReg) {
    const src = regAt(a, insn.src);
    const srcIsPtr = src.type !== 'SCALAR_VALUE';
    if (srcIsPtr && dstIsPtr) {
      combinePointers(a, insn, op);
      return;
    }
    if (srcIsPtr || dstIsPtr) {
      markRegPrecise(a, srcIsPtr ? insn.dst : insn.src);
      const first = regAt(a, insn.dst);
      const second = regAt(a, insn.src);
      pointerMath(a, insn, dstIsPtr ? first : second, dstIsPtr ? second : first, dstIsPtr);
      return;
    }
    scalarMath(a, insn, op, width, dst, src);
    return;
  }
  const imm = scalar(knownImm(insn.imm), false);
  if (dstIsPtr) pointerMath(a, insn, dst, imm, true);
  else scalarMath(a, insn, op, width, dst, imm);
}

function combinePointers(a: Analysis, insn: Insn, op: number): void {
  if (op !== BPF_SUB || !a.v.allowPtrLeaks) {
    refuse(a.v, EACCES, `R${insn.dst} pointer ${operatorText(op)} pointer prohibited\n`);
  }
  setUnknown(a, insn.dst);
}

function scalarMath(a: Analysis, insn: Insn, op: number, width: Width, dst: Reg, src: Reg): void {
  if (!a.v.allowPtrLeaks && (op === BPF_ADD || op === BPF_SUB)) {
    const operand = width === 32 ? truncate(src.bounds, 4) : src.bounds;
    if (!isInconsistent(operand)) sanitizeScalarMath(a, insn);
  }
  const bounds = scalarAlu(op, width, dst.bounds, src.bounds, a.scalarRules);
  const frame = ownTop(a.cur);
  // Where Linux starts the register anew, nothing of it is left.
  frame.regs[insn.dst] = aluForgetsReg(op, width, src.bounds) ? scalar(bounds, a.precise) : withBounds(dst, bounds);
}
