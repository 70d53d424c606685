// SPDX-License-Identifier: MIT
import { BPF_DW } from '@tsbpf/uapi';
import { ldxMem, stxMem, type Insn } from '@tsbpf/insn';
import type { CtxAccess } from '@tsbpf/core';

/** A register that neither operand of the store uses: v5.6 takes the highest of R9, R8, R7. */
function freeReg({ dst, src }: Insn): number {
  return [9, 8, 7].find((reg) => reg !== dst && reg !== src) ?? 7;
}

/**
 * A store that needs a register of its own to follow a pointer: the register is saved in the context's member `saveIn`
 * and restored behind what `build` makes of it.
 */
export function withSavedReg(access: CtxAccess, saveIn: string, build: (reg: number) => Insn[]): Insn[] {
  const { insn, types } = access;
  const reg = freeReg(insn);
  const { off } = types.resolve(saveIn);
  return [stxMem(BPF_DW, insn.dst, reg, off), ...build(reg), ldxMem(BPF_DW, reg, insn.dst, off)];
}
