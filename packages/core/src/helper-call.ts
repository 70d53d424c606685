// SPDX-License-Identifier: MIT
import type { KernelServices } from './services.ts';
import type { SubsystemKey } from './subsystem.ts';
import type { BpfProg } from './prog.ts';

/**
 * What a helper's body sees of the run it is called from. One object serves all calls of a run; bodies keep no
 * reference to it.
 */
export interface HelperCall {
  readonly kernel: KernelServices;
  /** The program that calls: after a tail call, the one tail-called. */
  readonly prog: BpfProg;
  /** Offset of the kernel-side context of this run. */
  readonly ctx: number;
  /** High words of the arguments, index 1 to 5; valid for those that `wideArgs` names. */
  readonly argHi: Int32Array;
  /** The result's high word, where `retWidth` is 'words'. */
  retHi: number;
  /** The state a subsystem keeps per kernel. */
  subsystem<T>(key: SubsystemKey<T>): T;
}

/**
 * A helper's body. Arguments are the low words of R1 to R5 as signed 32-bit integers: pointers are offsets in kernel
 * memory once passed through `>>> 0`. The result is R0's low word; `retWidth` says how it is widened. The verifier has
 * checked pointers and sizes as the prototype says; the body checks the rest.
 */
export type HelperFn = (call: HelperCall, a1: number, a2: number, a3: number, a4: number, a5: number) => number;
