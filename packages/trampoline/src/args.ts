// SPDX-License-Identifier: MIT
// Arguments between registers and memory. @see arch/x86/net/bpf_jit_comp.c, save_regs and restore_regs
import type { CallRegs } from '@tsbpf/core';
import type { KernelMemory } from '@tsbpf/memory';
import type { FuncModel } from './func-model.ts';

/** Bytes of a slot of the context. */
const WORD = 8;

/** Bytes of the context: a slot for each argument, and one for the result. */
export function contextBytes({ argBytes }: FuncModel): number {
  return WORD * (argBytes.length + 1);
}

/** The low bytes of a word, zero-extended to 32 bits. */
function narrow(word: number, bytes: number): number {
  if (bytes >= 4) return word;
  return bytes === 2 ? word & 0xffff : bytes === 1 ? word & 0xff : 0;
}

/** Writes the arguments as words of the context. Of narrow ones only their bytes count: the rest of the word is zero. */
export function storeArgs(mem: KernelMemory, { argBytes }: FuncModel, regs: CallRegs, ctx: number): void {
  argBytes.forEach((bytes, i) => {
    const at = ctx + WORD * i;
    mem.write32(at, narrow(regs.lo[i + 1] ?? 0, bytes));
    mem.write32(at + 4, bytes > 4 ? (regs.hi[i + 1] ?? 0) : 0);
  });
}

/** Back into the registers that carried them: what the function itself gets. */
export function restoreArgs(mem: KernelMemory, { argBytes }: FuncModel, regs: CallRegs, ctx: number): void {
  argBytes.forEach((_, i) => {
    const at = ctx + WORD * i;
    regs.lo[i + 1] = mem.read32(at);
    regs.hi[i + 1] = mem.read32(at + 4);
  });
}

/** Writes the result behind the arguments, all 64 bits. */
export function storeResult(mem: KernelMemory, { argBytes }: FuncModel, regs: CallRegs, ctx: number): void {
  const at = ctx + WORD * argBytes.length;
  mem.write32(at, regs.lo[0] ?? 0);
  mem.write32(at + 4, regs.hi[0] ?? 0);
}

/** Makes the result R0, whatever programs did to it. */
export function restoreResult(mem: KernelMemory, { argBytes }: FuncModel, regs: CallRegs, ctx: number): void {
  const at = ctx + WORD * argBytes.length;
  regs.lo[0] = mem.read32(at);
  regs.hi[0] = mem.read32(at + 4);
}
