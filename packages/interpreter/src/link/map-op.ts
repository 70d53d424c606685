// SPDX-License-Identifier: MIT
// Calls of a map's own operations, as the verifier makes them of helper calls on a map known at load time.
import {
  MAP_OP_SHAPES,
  mapOperation,
  type BpfMap,
  type HelperRow,
  type HelperVariant,
  type KernelServices,
  type MapFacts,
  type MapOpName,
} from '@tsbpf/core';
import type { LinkedCall } from '../code/link.ts';

/**
 * Links a direct call of a map operation. It stands for a helper call: where that helper is replaced, the replacement
 * is called instead, except for `lookupRaw`, whose result only inlined code understands.
 */
export function linkMapOp(
  kernel: KernelServices,
  op: MapOpName,
  facts: MapFacts,
  rowOf: (variant: HelperVariant) => HelperRow,
): LinkedCall {
  const { variant, ret } = MAP_OP_SHAPES[op];
  const row = rowOf(variant);
  const direct = mapOperation(facts as BpfMap, op);
  return {
    kind: 'call',
    ret,
    row,
    resolve: () => (op === 'lookupRaw' ? undefined : kernel.overrides.get(row.variant)?.(direct)) ?? direct,
  };
}
