// SPDX-License-Identifier: MIT
// What the verifier needs of struct_ops: importable without the simulator.
import type { ProgTypeDef, StructOpsRules } from '@tsbpf/core';
import { createStructOpsProgType } from './prog-types/struct-ops.ts';

/** The one program type of struct_ops, for the tables given. */
export function structOpsProgTypes(rows: readonly StructOpsRules[]): readonly ProgTypeDef[] {
  return [createStructOpsProgType(rows)];
}
