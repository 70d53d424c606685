// SPDX-License-Identifier: MIT
import type { BpfMap, KernelServices, RetWidth, WasmCall } from '@tsbpf/core';
import type { Insn } from '@tsbpf/insn';

/** A call that leaves the program. */
export interface OutCall {
  readonly kind: 'call';
  /** Calls of one number share an import. */
  readonly number: number;
  readonly ret: RetWidth;
  /** R1 to R`argCount` are passed. */
  readonly argCount: number;
  /** Arguments whose high words are passed, too, behind the others. */
  readonly wide: readonly number[];
  /** Emits the call's own code, which leaves R0 (i64) on the stack; false, with nothing emitted, where it has none. */
  readonly inline: ((call: WasmCall) => boolean) | undefined;
}

/** What a call instruction reaches, if it is not a function of the program. */
export type CallLink = OutCall | { readonly kind: 'tailCall'; readonly map: BpfMap | undefined };

/** A function that the program's users reach by itself. */
export interface EntryPoint {
  /** Index in `VerifiedProg.subprogs`; main is 0. */
  readonly subprog: number;
  readonly start: number;
  readonly name: string;
}

/** A program of the same module, by its place in it. */
export interface TailTarget {
  readonly progOff: number;
  readonly index: number;
}

/** What is translated. */
export interface Source {
  readonly insns: readonly Insn[];
  /** Main first, then the global functions: each has a patchable entry. */
  readonly entries: readonly EntryPoint[];
  readonly kernel: KernelServices | undefined;
  /** Atomic operations must be atomic. */
  readonly sharedMemory: boolean;
  /** The memory that is imported is a shared one. */
  readonly importsShared: boolean;
  /** Offset of {@link SCRATCH} in kernel memory. */
  readonly scratchOff: number;
  /** Calls may nest only as deep as the stacks go: for programs nobody verified. The last frame's base. */
  readonly lastBase?: number;
  /** Whether the Wasm engine has tail calls. */
  readonly tailCalls: boolean;
  /** Static functions may be copied into their callers. */
  readonly inlining: boolean;
  probeMem(idx: number): boolean;
  call(idx: number): CallLink;
  /** Programs of the same module that the tail call at `idx` may reach now, by the offset of the program object. */
  tailTargets?(idx: number): readonly TailTarget[];
}

/** Words through which Wasm and JavaScript hand over what a result of 32 bits has no room for. */
export const SCRATCH = { retHi: 0, retLo: 4, batchCtx: 8, bytes: 16 } as const;

/**
 * The stacks of one level of nested runs: a control block, then the frames. It is aligned, so that Wasm finds the
 * control block from any frame's base. A base is R10 less 512. At `args` are R2 to R5 of a main function that reads them:
 * an extension, which has all the arguments of what it replaces.
 */
export const LEVEL = { align: 8192, frames: 64, bytes: 64 + 8 * 512, tailCalls: 0, args: 8 } as const;

/** Where a program object keeps its number in the table of tail calls: the place of Linux's `bpf_func`. */
export const PROG_TABLE_IDX = 48;
