// SPDX-License-Identifier: MIT
import type { BpfProg, VerifiedProg } from './prog.ts';
import type { CallRegs, FuncEntry } from './kernel-text.ts';
import type { FuncSlot } from './func-slot.ts';
import type { KernelServices } from './services.ts';
import type { HelperRow } from './func-proto.ts';

/** Events of a run, for tracing, coverage and debuggers. An engine without observers pays nothing for them. */
export interface ExecObserver {
  /** Before each instruction; `insnIdx` in the verified program, `origIdx` as loaded. */
  insn?(run: RunView): void;
  /** A conditional jump. */
  branch?(run: RunView, taken: boolean): void;
  /** Before and after a helper call or a map operation. Values are R1 to R5 and R0. */
  helperCall?(run: RunView, row: HelperRow): void;
  helperReturn?(run: RunView, row: HelperRow, r0: bigint): void;
  tailCall?(run: RunView, target: BpfProg): void;
  exit?(run: RunView, r0: bigint): void;
}

/** A function's activation: its program, where it is, and its registers as of now. */
export interface FrameView {
  readonly subprog: number;
  readonly insnIdx: number;
  /** Offset of the first byte past its stack: R10. */
  readonly stackTop: number;
  /** R6 to R9 as the caller will see them again; undefined for the current frame. */
  readonly savedRegs: readonly bigint[] | undefined;
}

/** A run as an observer or a debugger sees it. */
export interface RunView {
  readonly prog: BpfProg | undefined;
  readonly verified: VerifiedProg;
  /** Offset of the kernel-side context. */
  readonly ctx: number;
  readonly insnIdx: number;
  readonly origIdx: number;
  /** R0 to R10. */
  reg(index: number): bigint;
  /** Innermost first. */
  frames(): readonly FrameView[];
  readonly tailCalls: number;
}

/** A run that advances by hand. */
export interface Run extends RunView {
  readonly done: boolean;
  /** Executes one instruction (a nested run, such as a cgroup hook inside a helper, is atomic). False when done. */
  step(): boolean;
  /** Runs to the end and returns R0. */
  finish(): bigint;
  /** R0 after the end. */
  readonly r0: bigint;
  /** Gives up: releases what the run holds. */
  abort(): void;
}

/** A program ready to run. Contexts are offsets in kernel memory; results are R0's low word, unsigned. */
export interface LoadedProg {
  readonly engine: string;
  /** Enters through the main function's slot. */
  run(ctxOff: number): number;
  /** R0 of the last run, all 64 bits. */
  readonly lastR0: bigint;
  /** Runs once for each context and stores R0's low word at `resultsOff + 4 * i`. Contexts lie `strideBytes` apart. */
  runBatch(options: { ctxOff: number; strideBytes: number; count: number; resultsOff: number }): void;
  start(ctxOff: number): Run;
  /** Entry behind the main function's slot: tail calls, trampolines calling the original. */
  readonly body: FuncEntry;
  /**
   * Enters as the target of a tail call from another engine, behind the slot. Takes the number of tail calls of the run
   * so far, this one included, and answers it as it is at the end. Absent: {@link body} is entered, and counts anew.
   */
  tailCall?(regs: CallRegs, tailCalls: number): number;
  /** The slots of main, the global functions, and the static ones that can be traced. */
  readonly slots: readonly FuncSlot[];
  /** Bytes of machine code or of the engine's own form, and nanoseconds it took to make them. */
  readonly codeBytes: number;
  readonly compileNs: number;
  unload(): void;
}

export interface ExecLoadOptions {
  /** The program object, which the engine hands to helpers; its `loaded` is set after load returns. */
  readonly prog: BpfProg;
}

/** An engine. */
export interface Executor {
  readonly name: 'interpreter' | 'jit';
  /**
   * Makes a program ready to run.
   * @errno ENOSYS NotSupportedError: it calls a helper that is a declared gap, named in the message.
   */
  load(verified: VerifiedProg, options: ExecLoadOptions): LoadedProg;
}

/** Makes an engine for a kernel. */
export type ExecutorFactory = (kernel: KernelServices) => Executor;
