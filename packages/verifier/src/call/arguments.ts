// SPDX-License-Identifier: MIT
// One argument of a helper call. @see kernel/bpf/verifier.c, check_func_arg
import type { ArgType, RegType } from '@tsbpf/core';
import { EACCES, InternalError } from '@tsbpf/uapi';
import { helperArgStruct } from '../btf/helper-arg.ts';
import { readReg } from '../insn/reg-access.ts';
import { kernelTypeName } from '../log/print-state.ts';
import { checkAlignment } from '../mem/alignment.ts';
import { checkCtxReg } from '../mem/ctx.ts';
import { mapOf } from '../mem/map-value.ts';
import { helperTakesPacket } from '../mem/packet.ts';
import { markRegPrecise } from '../prune/precision.ts';
import { refuse } from '../refuse.ts';
import { BPF_MAX_VAR_OFF, tnumIsConst } from '../scalar/index.ts';
import { type Analysis, isSecret } from '../state/analysis.ts';
import { type Reg, isNullScalar } from '../state/reg.ts';
import { REG_TYPE_NAMES, isPacketPtr, isSockPtr } from '../state/reg-class.ts';
import type { CallFacts } from './call-facts.ts';
import { checkHelperMemory } from './helper-memory.ts';
import { checkSpinLock } from './spin-lock.ts';

/** Memory of 512 MiB or more is no memory. */
const MAX_SIZE = BPF_MAX_VAR_OFF;

/** @errno EACCES the register does not hold what the helper wants */
function expect(a: Analysis, regno: number, reg: Reg, ok: boolean, expected: RegType): void {
  if (ok) return;
  refuse(a.v, EACCES, `R${regno} type=${REG_TYPE_NAMES[reg.type]} expected=${REG_TYPE_NAMES[expected]}\n`);
}

/** A pointer to memory a helper can use as it is. */
function expectMemory(a: Analysis, regno: number, reg: Reg, nullOk: boolean): void {
  const ok = isPacketPtr(reg.type) || reg.type === 'PTR_TO_MAP_VALUE' || reg.type === 'PTR_TO_STACK';
  expect(a, regno, reg, ok || (nullOk && isNullScalar(reg)), 'PTR_TO_STACK');
}

function mapOfCall(facts: CallFacts): NonNullable<CallFacts['map']> {
  if (facts.map === undefined) throw new InternalError(`${facts.row.variant} has a key or value, but no map before it`);
  return facts.map;
}

/**
 * Argument `regno` (1 to 5) is what the helper's prototype asks for.
 * @errno EACCES
 */
export function checkArgument(a: Analysis, regno: number, type: ArgType, facts: CallFacts): void {
  const { v } = a;
  // Linux resolves the type a BTF argument needs before it looks at the register.
  const wantedStruct = type === 'ARG_PTR_TO_BTF_ID' ? helperArgStruct(v, facts.row, regno - 1) : 0;
  const reg = readReg(a, regno);
  if (type === 'ARG_ANYTHING') {
    if (isSecret(a, reg)) refuse(v, EACCES, `R${regno} leaks addr into helper function\n`);
    return;
  }
  if (isPacketPtr(reg.type) && !helperTakesPacket(a, facts.row.proto)) {
    refuse(v, EACCES, 'helper access to the packet is not allowed\n');
  }
  switch (type) {
    case 'ARG_CONST_MAP_PTR':
      expect(a, regno, reg, reg.type === 'CONST_PTR_TO_MAP', 'CONST_PTR_TO_MAP');
      facts.map = mapOf(reg);
      return;
    case 'ARG_PTR_TO_MAP_KEY':
      expectMemory(a, regno, reg, false);
      checkHelperMemory(a, regno, mapOfCall(facts).keySize, false, undefined);
      return;
    case 'ARG_PTR_TO_MAP_VALUE':
    case 'ARG_PTR_TO_UNINIT_MAP_VALUE':
    case 'ARG_PTR_TO_MAP_VALUE_OR_NULL':
      expectMemory(a, regno, reg, type === 'ARG_PTR_TO_MAP_VALUE_OR_NULL');
      if (type === 'ARG_PTR_TO_MAP_VALUE_OR_NULL' && isNullScalar(reg)) return;
      facts.rawMode = type === 'ARG_PTR_TO_UNINIT_MAP_VALUE';
      checkHelperMemory(a, regno, mapOfCall(facts).valueSize, false, facts);
      return;
    case 'ARG_PTR_TO_MEM':
    case 'ARG_PTR_TO_MEM_OR_NULL':
    case 'ARG_PTR_TO_UNINIT_MEM':
      expectMemory(a, regno, reg, type === 'ARG_PTR_TO_MEM_OR_NULL');
      facts.rawMode = type === 'ARG_PTR_TO_UNINIT_MEM';
      return;
    case 'ARG_CONST_SIZE':
    case 'ARG_CONST_SIZE_OR_ZERO':
      expect(a, regno, reg, reg.type === 'SCALAR_VALUE', 'SCALAR_VALUE');
      checkSize(a, regno, reg, type === 'ARG_CONST_SIZE_OR_ZERO', facts);
      return;
    case 'ARG_PTR_TO_INT':
    case 'ARG_PTR_TO_LONG': {
      const size = type === 'ARG_PTR_TO_INT' ? 4 : 8;
      expectMemory(a, regno, reg, false);
      checkHelperMemory(a, regno, size, false, facts);
      checkAlignment(a, reg, 0, size, true);
      return;
    }
    case 'ARG_PTR_TO_CTX':
      expect(a, regno, reg, reg.type === 'PTR_TO_CTX', 'PTR_TO_CTX');
      checkCtxReg(a, reg, regno);
      return;
    case 'ARG_PTR_TO_SOCK_COMMON':
      expect(a, regno, reg, isSockPtr(reg.type), 'PTR_TO_SOCK_COMMON');
      noteReference(regno, reg, facts);
      return;
    case 'ARG_PTR_TO_SOCKET':
      expect(a, regno, reg, reg.type === 'PTR_TO_SOCKET', 'PTR_TO_SOCKET');
      return;
    case 'ARG_PTR_TO_BTF_ID':
      expect(a, regno, reg, reg.type === 'PTR_TO_BTF_ID', 'PTR_TO_BTF_ID');
      checkStruct(a, regno, reg, wantedStruct);
      return;
    case 'ARG_PTR_TO_SPIN_LOCK':
      checkSpinLock(a, regno, facts.row.proto.special === 'spinLock');
  }
}

function noteReference(regno: number, reg: Reg, facts: CallFacts): void {
  if (reg.refObjId === 0) return;
  if (facts.refObjId !== 0) {
    throw new InternalError(`${facts.row.variant} takes two sockets, of which only one may be refcounted (R${regno})`);
  }
  facts.refObjId = reg.refObjId;
}

function checkStruct(a: Analysis, regno: number, reg: Reg, wanted: number): void {
  const { v } = a;
  if (reg.btfId !== wanted) {
    const want = wanted === 0 ? '' : kernelTypeName(v, wanted);
    refuse(v, EACCES, `Helper has type ${want} got ${kernelTypeName(v, reg.btfId)} in R${regno}\n`);
  }
  const { bounds } = reg;
  if (!tnumIsConst(bounds) || (bounds.valueLo | bounds.valueHi) !== 0 || reg.off !== 0) {
    refuse(v, EACCES, `R${regno} is a pointer to in-kernel struct with non-zero offset\n`);
  }
}

/** A size, of the memory in the argument before it: checked at its least and at its greatest. */
function checkSize(a: Analysis, regno: number, reg: Reg, zeroOk: boolean, facts: CallFacts): void {
  const { bounds } = reg;
  facts.size = bounds;
  // Where the size is not known the helper may leave a part as it was.
  const memory = tnumIsConst(bounds) ? facts : undefined;
  if (bounds.sminHi < 0) {
    refuse(a.v, EACCES, `R${regno} min value is negative, either use unsigned or 'var &= const'\n`);
  }
  if ((bounds.uminLo | bounds.uminHi) === 0) checkHelperMemory(a, regno - 1, 0, zeroOk, memory);
  if (bounds.umaxNumber >= MAX_SIZE) {
    refuse(a.v, EACCES, `R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'\n`);
  }
  checkHelperMemory(a, regno - 1, bounds.umaxNumber, zeroOk, memory);
  markRegPrecise(a, regno);
}
