// SPDX-License-Identifier: MIT
// What a comparison with 0 tells of a pointer that may be NULL. @see kernel/bpf/verifier.c, mark_ptr_or_null_regs
import type { RegType } from '@tsbpf/core';
import { hasSpinLock } from '../mem/map-value.ts';
import { dropRef } from '../call/references.ts';
import { type Reg, retyped } from '../state/reg.ts';
import { mayBeNull } from '../state/reg-class.ts';
import { ownStack } from '../state/frame.ts';
import { type State, ownFrame, ownTop, topFrame } from '../state/state.ts';

const NON_NULL: Readonly<Partial<Record<RegType, RegType>>> = {
  PTR_TO_SOCKET_OR_NULL: 'PTR_TO_SOCKET',
  PTR_TO_SOCK_COMMON_OR_NULL: 'PTR_TO_SOCK_COMMON',
  PTR_TO_TCP_SOCK_OR_NULL: 'PTR_TO_TCP_SOCK',
};

/** The pointer as it is where it is not NULL. Only pointers to values with a lock keep their id. */
function nonNull(reg: Reg): Reg {
  if (reg.type !== 'PTR_TO_MAP_VALUE_OR_NULL') return retyped(reg, NON_NULL[reg.type] ?? reg.type, 0, reg.refObjId);
  const { map } = reg;
  if (map?.innerMap !== undefined) return retyped(reg, 'CONST_PTR_TO_MAP', 0, reg.refObjId, map.innerMap);
  if (map?.def.lookupResult === 'xdpSock') return retyped(reg, 'PTR_TO_XDP_SOCK', 0, reg.refObjId);
  const id = map !== undefined && hasSpinLock(map) ? reg.id : 0;
  return retyped(reg, 'PTR_TO_MAP_VALUE', id, reg.refObjId);
}

/** In one branch, what register `regno` of the current function points to, and every copy of it, is NULL or is not. */
export function markNullOrNot(st: State, regno: number, isNull: boolean): void {
  const { id, refObjId } = topFrame(st).regs[regno];
  // Where the lookup found nothing, nothing is to be released.
  if (isNull && refObjId !== 0 && refObjId === id) dropRef(ownTop(st), id);
  const become = (reg: Reg): Reg => (isNull ? retyped(reg, 'SCALAR_VALUE', 0, 0) : nonNull(reg));
  const matches = (reg: Reg): boolean => reg.id === id && mayBeNull(reg.type);
  for (let i = 0; i < st.frames.length; i++) {
    const { regs, stack } = st.frames[i];
    for (let r = 0; r < regs.length; r++) if (matches(regs[r])) ownFrame(st, i).regs[r] = become(regs[r]);
    for (let spi = 0; spi < stack.length; spi++) {
      const slot = stack[spi];
      if (typeof slot !== 'number' && matches(slot)) ownStack(ownFrame(st, i))[spi] = become(slot);
    }
  }
}
