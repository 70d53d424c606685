// SPDX-License-Identifier: MIT
import type { BpfMap, MapFile, MapFileMode } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

/** An fd for a map; takes over one user reference that the caller holds. -EMFILE leaves it with the caller. */
export function installMap(k: KernelState, map: BpfMap, mode: MapFileMode): number {
  const file: MapFile = {
    kind: 'map',
    name: 'bpf-map',
    map,
    mode,
    release() {
      map.def.ops.fileReleased?.(map, file);
      k.mapPutUser(map);
    },
    fdinfo: () => [
      `map_type:\t${map.type}`,
      `key_size:\t${map.keySize}`,
      `value_size:\t${map.valueSize}`,
      `max_entries:\t${map.maxEntries}`,
      `map_flags:\t0x${map.flags.toString(16)}`,
      `memlock:\t${map.pages * 4096}`,
      `map_id:\t${map.id}`,
      `frozen:\t${map.frozen ? 1 : 0}`,
      ...(map.def.ops.fdinfo?.(map) ?? []),
    ],
  };
  return k.fds.install(file);
}
