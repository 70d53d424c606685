// SPDX-License-Identifier: MIT
// Operations of a map as functions with the arguments where the helper has them: R1 the map, then key, value, flags.
import type { HelperSpecial } from './func-proto.ts';
import type { HelperFn } from './helper-call.ts';
import type { BpfMap, MapOpName } from './map.ts';
import type { HelperVariant } from './generated/helper-protos.ts';
import { InternalError } from '@tsbpf/uapi';

/** What a map operation stands for, and what it is passed. */
export interface MapOpShape {
  readonly variant: HelperVariant;
  readonly argCount: number;
  readonly wide: readonly number[];
  readonly ret: 'ptr' | 'sext';
}

export const MAP_OP_SHAPES: Readonly<Record<MapOpName, MapOpShape>> = {
  lookup: { variant: 'bpf_map_lookup_elem', argCount: 2, wide: [], ret: 'ptr' },
  lookupRaw: { variant: 'bpf_map_lookup_elem', argCount: 2, wide: [], ret: 'ptr' },
  update: { variant: 'bpf_map_update_elem', argCount: 4, wide: [4], ret: 'sext' },
  delete: { variant: 'bpf_map_delete_elem', argCount: 2, wide: [], ret: 'sext' },
  push: { variant: 'bpf_map_push_elem', argCount: 3, wide: [3], ret: 'sext' },
  pop: { variant: 'bpf_map_pop_elem', argCount: 2, wide: [], ret: 'sext' },
  peek: { variant: 'bpf_map_peek_elem', argCount: 2, wide: [], ret: 'sext' },
};

/** The operation that a helper is, on a map known at load time. Peek is not: its helper pops. */
export const OP_OF_SPECIAL: Readonly<Partial<Record<HelperSpecial, MapOpName>>> = {
  mapLookup: 'lookup',
  mapUpdate: 'update',
  mapDelete: 'delete',
  mapPush: 'push',
  mapPop: 'pop',
};

export function mapOperation(map: BpfMap, op: MapOpName): HelperFn {
  const { ops } = map.def;
  const { lookup, lookupRaw, update, push, pop, peek } = ops;
  const remove = ops.delete;
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
      if (remove !== undefined) return (_call, _map, key) => remove(map, key >>> 0);
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
