// SPDX-License-Identifier: MIT
// Pointer plus or minus scalar. @see kernel/bpf/verifier.c, adjust_ptr_min_max_vals, check_reg_sane_offset
import type { RegType } from '@tsbpf/core';
import { BPF_ADD, BPF_ALU64, BPF_AND, BPF_OR, BPF_SUB, BPF_XOR, EACCES, EINVAL } from '@tsbpf/uapi';
import { ALU_OPERATORS, type Insn } from '@tsbpf/insn';
import { mapAccessFits } from '../mem/map-value.ts';
import { stackOffsetProblem } from '../mem/stack.ts';
import { refuse } from '../refuse.ts';
import {
  type Bounds,
  addPtrOffset,
  foldFixedOffset,
  isInconsistent,
  ptrOffsetFault,
  subPtrOffset,
  syncPtrOffset,
  tnumIsConst,
} from '../scalar/index.ts';
import { type Analysis, regAt, setReg } from '../state/analysis.ts';
import { Reg } from '../state/reg.ts';
import { REG_TYPE_NAMES, forbidsArithmetic, isPacketPtr } from '../state/reg-class.ts';
import { sanitizePtrMath } from './sanitize.ts';
import { setUnknown } from './reg-access.ts';

/** The operator as messages have it: `+=`. */
export function operatorText(op: number): string {
  return ALU_OPERATORS.find((row) => row.op === op)?.symbol ?? '';
}

/** @errno EINVAL an offset that no pointer may have, or be changed by */
function checkSaneOffset(a: Analysis, bounds: Bounds, off: number, type: RegType): void {
  const fault = ptrOffsetFault(bounds, off);
  if (fault === undefined) return;
  const name = REG_TYPE_NAMES[type];
  const messages: Record<typeof fault, string> = {
    const: `math between ${name} pointer and ${BigInt.asIntN(64, bounds.value)} is not allowed\n`,
    fixed: `${name} pointer offset ${off} is not allowed\n`,
    unbounded: `math between ${name} pointer and register with unbounded min value is not allowed\n`,
    min: `value ${bounds.smin} makes ${name} pointer be out of bounds\n`,
  };
  refuse(a.v, EINVAL, messages[fault]);
}

/** Later versions want offsets into flow keys known. */
function mustBeKnown(a: Analysis, delta: Bounds): boolean {
  return a.v.rules.flowKeysConstOnly && !tnumIsConst(delta);
}

/**
 * `dst op= src` of a pointer and a scalar; `ptr` and `off` are the two as they are, `ptrIsDst` says which is which.
 * @errno EACCES, EINVAL
 */
export function pointerMath(a: Analysis, insn: Insn, ptr: Reg, off: Reg, ptrIsDst: boolean): void {
  const { v } = a;
  const dst = insn.dst;
  const op = insn.code & 0xf0;
  const delta = off.bounds;
  if (isInconsistent(delta)) {
    setUnknown(a, dst);
    return;
  }
  if ((insn.code & 7) !== BPF_ALU64) refuse(v, EACCES, `R${dst} 32-bit pointer arithmetic prohibited\n`);
  if (ptr.type === 'PTR_TO_MAP_VALUE_OR_NULL') {
    refuse(v, EACCES, `R${dst} pointer arithmetic on ${REG_TYPE_NAMES[ptr.type]} prohibited, null-check it first\n`);
  }
  if (forbidsArithmetic(ptr.type) || (ptr.type === 'PTR_TO_FLOW_KEYS' && mustBeKnown(a, delta))) {
    refuse(v, EACCES, `R${dst} pointer arithmetic on ${REG_TYPE_NAMES[ptr.type]} prohibited\n`);
  }
  if (ptr.type === 'PTR_TO_MAP_VALUE' && !v.allowPtrLeaks && !tnumIsConst(delta)) {
    if (delta.sminHi < 0 !== delta.smaxHi < 0) {
      refuse(
        v,
        EACCES,
        `R${ptrIsDst ? insn.src : dst} has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root\n`,
      );
    }
  }
  checkSaneOffset(a, delta, off.off, ptr.type);
  checkSaneOffset(a, ptr.bounds, ptr.off, ptr.type);

  const result = moved(a, insn, ptr, off, ptrIsDst, op);
  checkSaneOffset(a, result.bounds, result.off, ptr.type);
  const { type, bounds, id, refObjId, map, range, btfId, frameno, precise } = result;
  setReg(a, dst, new Reg(type, syncPtrOffset(bounds), result.off, id, refObjId, map, range, btfId, frameno, precise));
  if (!v.allowPtrLeaks) checkStaysInside(a, dst);
}

function moved(a: Analysis, insn: Insn, ptr: Reg, off: Reg, ptrIsDst: boolean, op: number): Reg {
  const { v } = a;
  const dst = insn.dst;
  const delta = off.bounds;
  switch (op) {
    case BPF_ADD:
    case BPF_SUB:
      break;
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
      return refuse(v, EACCES, `R${dst} bitwise operator ${operatorText(op)} on pointer prohibited\n`);
    default:
      return refuse(v, EACCES, `R${dst} pointer arithmetic with ${operatorText(op)} operator prohibited\n`);
  }
  const add = op === BPF_ADD;
  sanitizePtrMath(a, insn, ptr, { ptrIsDst, negative: delta.sminHi < 0 });
  if (!add && !ptrIsDst) refuse(v, EACCES, `R${dst} tried to subtract pointer from scalar\n`);
  if (!add && ptr.type === 'PTR_TO_STACK') refuse(v, EACCES, `R${dst} subtraction from stack pointer prohibited\n`);

  // What is not copied from the pointer stays what the destination had.
  const was = ptrIsDst ? ptr : off;
  const fixed = foldFixedOffset(ptr.off, delta, add ? 'add' : 'sub');
  if (fixed !== undefined) return at(ptr, was, ptr.bounds, fixed, ptr.id, ptr.range);
  const bounds = add ? addPtrOffset(ptr.bounds, delta) : subPtrOffset(ptr.bounds, delta);
  if (!isPacketPtr(ptr.type)) return at(ptr, was, bounds, ptr.off, ptr.id, ptr.range);
  const range = add || delta.sminHi < 0 ? 0 : ptr.range;
  return at(ptr, was, bounds, ptr.off, ++a.idGen, range);
}

function at(ptr: Reg, was: Reg, bounds: Bounds, off: number, id: number, range: number): Reg {
  return new Reg(ptr.type, bounds, off, id, was.refObjId, ptr.map, range, ptr.btfId, was.frameno, was.precise);
}

/** Unprivileged: the pointer never leaves its object, not even where nobody uses it. @errno EACCES */
function checkStaysInside(a: Analysis, regno: number): void {
  const { v } = a;
  const reg = regAt(a, regno);
  if (reg.type === 'PTR_TO_MAP_VALUE') {
    if (mapAccessFits(a, regno, reg.off, 1, false)) return;
    refuse(v, EACCES, `R${regno} pointer arithmetic of map value goes out of range, prohibited for !root\n`);
  }
  if (reg.type === 'PTR_TO_STACK') {
    const problem = stackOffsetProblem(reg, (reg.off + reg.bounds.valueLo) | 0, 1);
    if (problem === undefined) return;
    v.log.write(problem);
    refuse(v, EACCES, `R${regno} stack pointer arithmetic goes out of range, prohibited for !root\n`);
  }
}
