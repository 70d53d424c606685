// SPDX-License-Identifier: MIT
import type { BpfMap, KernelObject, ObjectTable } from '@tsbpf/core';

/** Address ↔ object; `maps` are told when an object goes away. */
export function createObjectTable(maps: () => Iterable<BpfMap>): ObjectTable {
  const byOff = new Map<number, KernelObject>();
  return {
    add(obj) {
      byOff.set(obj.off, obj);
    },
    gone(obj) {
      if (obj.kind !== 'map') for (const map of maps()) map.def.ops.objectGone?.(map, obj);
      if (byOff.get(obj.off) === obj) byOff.delete(obj.off);
    },
    get<T extends KernelObject>(off: number, kind: T['kind']): T | undefined {
      const obj = byOff.get(off);
      return obj?.kind === kind ? (obj as T) : undefined;
    },
  };
}
