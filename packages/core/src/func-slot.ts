// SPDX-License-Identifier: MIT
import type { FuncEntry } from './kernel-text.ts';
import type { BpfProg } from './prog.ts';

/**
 * The patchable entry of a function of a loaded program: its main function and every global function have one. fentry,
 * fexit and replacement patch it. Callers and ordinary runs enter through it; a tail call enters behind it, as in
 * Linux. Static functions that BTF describes can be traced in Linux, too: they have one where the engine does not
 * inline them.
 * @see arch/x86/net/bpf_jit_comp.c, the five-byte nop at function entry
 */
export interface FuncSlot {
  readonly prog: BpfProg;
  /** Index in `VerifiedProg.subprogs`. */
  readonly subprog: number;
  readonly name: string;
  /** The function's address, as kallsyms would show it. */
  readonly addr: bigint;
  /** The function itself, behind the slot. */
  readonly body: FuncEntry;
  /** What callers reach instead of the body; undefined where nothing is attached. Changes take effect at the next call. */
  patched: FuncEntry | undefined;
}
