// SPDX-License-Identifier: MIT
import type { TnumMulRule } from './tnum-mul.ts';

/** Behaviours of the scalar domain that changed after v5.6. */
export interface ScalarRules {
  /** The multiplication of tnums. */
  readonly tnumMul: TnumMulRule;
  /** Is a signed `>` known false already where the maximum equals the constant? v5.6 wants it less. */
  readonly sgtFalseAtMax: boolean;
}

/** Linux v5.6. */
export const SCALAR_RULES_5_6: ScalarRules = Object.freeze({ tnumMul: 'v5.6', sgtFalseAtMax: false });
