// SPDX-License-Identifier: MIT
// Where the simulated 5.6 and the recorded answers of a real 5.6.4 differ, and why. No row without a cause; a row that
// no longer differs has to go (sim.root.test.ts).

/** Why an answer differs. */
export type Cause =
  /** The log of the recorded load fills its buffer: message and counters are not in it. The verdict is equal. */
  | 'recorded log cut'
  /**
   * The machine code for `*(u8 *)(rX) = r10` stores a byte of another register (its REX prefix is missing until 5.7). The
   * verifier answers the same, the run does not.
   */
  | 'defect of the x86-64 JIT of 5.6';

/** A case that differs. */
export interface KnownDifference {
  /** Position in the table. */
  readonly index: number;
  readonly file: string;
  readonly descr: string;
  readonly cause: Cause;
}

const row = (index: number, file: string, descr: string, cause: Cause): KnownDifference => ({
  index,
  file,
  descr,
  cause,
});

/** All differences of the simulated 5.6. */
export const DIFFERENCES: readonly KnownDifference[] = [
  row(810, 'loops1.c', 'infinite loop after a conditional jump', 'recorded log cut'),
  row(1112, 'stack_ptr.c', 'store PTR_TO_STACK in R10 to array map using BPF_B', 'defect of the x86-64 JIT of 5.6'),
];
