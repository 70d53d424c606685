// SPDX-License-Identifier: MIT

/** The registers of a call between engines, trampolines and simulated kernel functions, as words. */
export interface CallRegs {
  /**
   * Low words of R0 to R5, index 0 to 5. Arguments in, R0 out. A caller of a kernel function with six parameters has
   * the last at index 6.
   */
  readonly lo: Int32Array;
  /** High words. */
  readonly hi: Int32Array;
}

/** Something callable at an address: reads R1 to R5, writes R0. */
export type FuncEntry = (regs: CallRegs) => void;

/** A function of the simulated kernel, or of a loaded program. */
export interface TextSymbol {
  readonly name: string;
  /** In the kernel's text range. */
  readonly addr: bigint;
  /** The function itself; absent for a symbol that only has an address. */
  entry: FuncEntry | undefined;
  /** What callers reach instead of it, while fentry or fexit programs are attached. */
  patched?: FuncEntry | undefined;
}

/** Function address ↔ callable: targets of fentry and kprobes, struct_ops members, ksyms, kallsyms. */
export interface KernelText {
  /** Adds a function; the same name again returns the first symbol. */
  define(name: string, entry?: FuncEntry): TextSymbol;
  byName(name: string): TextSymbol | undefined;
  byAddr(addr: bigint): TextSymbol | undefined;
  /** What a rewritten call's `imm` is relative to: the address of `__bpf_call_base`. */
  readonly callBase: bigint;
  /** All symbols in address order, for kallsyms. */
  symbols(): Iterable<TextSymbol>;
  remove(symbol: TextSymbol): void;
}
