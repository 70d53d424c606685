// SPDX-License-Identifier: MIT
// Calls of a map's own operations, as the verifier makes them of helper calls on a map known at load time.
import type { BpfMap, HelperFn, HelperRow, HELPER_PROTOS, KernelServices, MapFacts, MapOpName } from '@tsbpf/core';
import { InternalError } from '@tsbpf/uapi';
import type { LinkedCall } from '../code/link.ts';

type Variant = keyof typeof HELPER_PROTOS;

const HELPER_OF: Readonly<Record<MapOpName, Variant>> = {
  lookup: 'bpf_map_lookup_elem',
  lookupRaw: 'bpf_map_lookup_elem',
  update: 'bpf_map_update_elem',
  delete: 'bpf_map_delete_elem',
  push: 'bpf_map_push_elem',
  pop: 'bpf_map_pop_elem',
  peek: 'bpf_map_peek_elem',
};

/** The operation with the arguments where the helper has them: R1 the map, then key, value, flags as it takes them. */
function operation(map: BpfMap, op: MapOpName): HelperFn {
  const { ops } = map.def;
  const { lookup, lookupRaw, update, push, pop, peek } = ops;
  const flagsOf = (low: number, high: number): number => (high >>> 0) * 0x100000000 + (low >>> 0);
  switch (op) {
    case 'lookup':
      if (lookup !== undefined) return (_call, _map, key) => lookup(map, key >>> 0);
      break;
    case 'lookupRaw':
      if (lookupRaw !== undefined) return (_call, _map, key) => lookupRaw(map, key >>> 0);
      break;
    case 'update':
      if (update !== undefined) {
        return (call, _map, key, value, flags) => update(map, key >>> 0, value >>> 0, flagsOf(flags, call.argHi[4]));
      }
      break;
    case 'delete':
      if (ops.delete !== undefined) return (_call, _map, key) => ops.delete?.(map, key >>> 0) as number;
      break;
    case 'push':
      if (push !== undefined) {
        return (call, _map, value, flags) => push(map, value >>> 0, flagsOf(flags, call.argHi[3]));
      }
      break;
    case 'pop':
      if (pop !== undefined) return (_call, _map, value) => pop(map, value >>> 0);
      break;
    case 'peek':
      if (peek !== undefined) return (_call, _map, value) => peek(map, value >>> 0);
      break;
  }
  throw new InternalError(`map type ${map.def.name} has no operation ${op}, which a program calls directly`);
}

/**
 * Links a direct call of a map operation. It stands for a helper call: where that helper is replaced, the replacement
 * is called instead, except for `lookupRaw`, whose result only inlined code understands.
 */
export function linkMapOp(
  kernel: KernelServices,
  op: MapOpName,
  facts: MapFacts,
  rowOf: (variant: Variant) => HelperRow,
): LinkedCall {
  const row = rowOf(HELPER_OF[op]);
  const direct = operation(facts as BpfMap, op);
  return {
    kind: 'call',
    ret: op === 'lookup' || op === 'lookupRaw' ? 'ptr' : 'sext',
    row,
    resolve: () => (op === 'lookupRaw' ? undefined : kernel.overrides.get(row.variant)?.(direct)) ?? direct,
  };
}
