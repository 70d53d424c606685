// SPDX-License-Identifier: MIT
// What is asked before several turns of a loop run without their tests. Numbers wrap as registers do.

/** A register plus a constant, less another register if there is one; a limit made before the loop; a constant. */
export type Operand =
  | { readonly kind: 'sum'; readonly reg: number; readonly add: bigint; readonly minus?: number }
  | { readonly kind: 'limit'; readonly id: number }
  | { readonly kind: 'constant'; readonly value: bigint };

/** `left` stands in a relation to `right`: both are of 64 bits, or the low words. */
export interface Check {
  readonly wide: boolean;
  /** The operation of a conditional jump: BPF_JLE and so on. */
  readonly relation: number;
  readonly left: Operand;
  readonly right: Operand;
}

/** A number that is the same in all turns of a loop: computed once. */
export interface Limit {
  /** One of its own in the function. */
  readonly id: number;
  readonly wide: boolean;
  readonly of: Operand;
}
