// SPDX-License-Identifier: MIT
import type { KernelServices } from '@tsbpf/core';
import { PT_REGS_BYTES } from '../prog-types/kprobe.ts';

/** Members of `struct pt_regs` on x86-64, in order. */
const NAMES = [
  'r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di', 'orig_ax', 'ip',
  'cs', 'flags', 'sp', 'ss',
] as const; // prettier-ignore

export type RegisterName = (typeof NAMES)[number];
/** Registers a script sets; the others are 0. */
export type Registers = Readonly<Partial<Record<RegisterName, bigint>>>;

/** Where the first six arguments of a function travel. */
const ARGUMENTS: readonly RegisterName[] = ['di', 'si', 'dx', 'cx', 'r8', 'r9'];

/** Registers on entry to a function called with these arguments, of which the first six count. */
export function argumentRegisters(args: readonly bigint[]): Registers {
  return Object.fromEntries(ARGUMENTS.map((name, i) => [name, args[i] ?? 0n]));
}

/** Offset of a register in `struct pt_regs`. */
export function registerOff(name: RegisterName): number {
  return NAMES.indexOf(name) * 8;
}

/** Calls `use` with registers in kernel memory, and frees them. Undefined where memory ran out. */
export function withRegisters<T>(kernel: KernelServices, regs: Registers, use: (off: number) => T): T | undefined {
  const off = kernel.mem.alloc(PT_REGS_BYTES, { kind: 'ctx', name: 'pt_regs' });
  if (off === 0) return undefined;
  try {
    for (const name of NAMES) kernel.mem.write64(off + registerOff(name), BigInt.asUintN(64, regs[name] ?? 0n));
    return use(off);
  } finally {
    kernel.mem.free(off);
  }
}
