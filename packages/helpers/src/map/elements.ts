// SPDX-License-Identifier: MIT
// Helpers that operate on map elements. A program holds the map's address; the table of objects knows the map behind it.
import { InternalError } from '@tsbpf/uapi';
import { defineHelper, type BpfMap, type HelperCall, type HelperRow } from '@tsbpf/core';

/** The map at an argument. The verifier lets nothing else through. */
export function mapArg(call: HelperCall, arg: number): BpfMap {
  const map = call.kernel.objects.get<BpfMap>(arg >>> 0, 'map');
  if (map === undefined) throw new InternalError(`no map at offset 0x${(arg >>> 0).toString(16)}`);
  return map;
}

/** Update flags as a number; bits above the low word keep it an invalid value. */
function flagsArg(call: HelperCall, low: number, arg: number): number {
  return (call.argHi[arg] >>> 0) * 2 ** 32 + (low >>> 0);
}

function lacks(map: BpfMap, what: string): never {
  throw new InternalError(`maps of type ${map.def.name} have no program-side ${what}`);
}

const lookup = defineHelper('bpf_map_lookup_elem', {
  retWidth: 'ptr',
  call(call, map, key) {
    const m = mapArg(call, map);
    return m.def.ops.lookup?.(m, key >>> 0) ?? lacks(m, 'lookup');
  },
});

const update = defineHelper('bpf_map_update_elem', {
  retWidth: 'sext',
  wideArgs: [4],
  call(call, map, key, value, flags) {
    const m = mapArg(call, map);
    return m.def.ops.update?.(m, key >>> 0, value >>> 0, flagsArg(call, flags, 4)) ?? lacks(m, 'update');
  },
});

const remove = defineHelper('bpf_map_delete_elem', {
  retWidth: 'sext',
  call(call, map, key) {
    const m = mapArg(call, map);
    return m.def.ops.delete?.(m, key >>> 0) ?? lacks(m, 'delete');
  },
});

const push = defineHelper('bpf_map_push_elem', {
  retWidth: 'sext',
  wideArgs: [3],
  call(call, map, value, flags) {
    const m = mapArg(call, map);
    return m.def.ops.push?.(m, value >>> 0, flagsArg(call, flags, 3)) ?? lacks(m, 'push');
  },
});

const popElem = (call: HelperCall, map: number, value: number): number => {
  const m = mapArg(call, map);
  return m.def.ops.pop?.(m, value >>> 0) ?? lacks(m, 'pop');
};

const pop = defineHelper('bpf_map_pop_elem', { retWidth: 'sext', call: popElem });

/**
 * Pops. Calls on one known map are rewritten to the map's own peek and never come here; the function v5.6 keeps for the
 * other calls, by mistake, is the one that pops.
 */
const peek = defineHelper('bpf_map_peek_elem', { retWidth: 'sext', call: popElem });

/** Map element helpers. @see kernel/bpf/helpers.c */
export const mapElementHelpers: readonly HelperRow[] = [lookup, update, remove, push, pop, peek];
