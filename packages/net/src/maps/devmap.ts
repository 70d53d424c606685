// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_DEVMAP: devices by index. @see kernel/bpf/devmap.c, dev_map_ops
import { BPF_EXIST, BPF_MAP_TYPE_DEVMAP, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT } from '@tsbpf/uapi';
import type { Errno } from '@tsbpf/core';
import { chargeAndAlloc, MapObject, mapStructSize, type MapInit } from '@tsbpf/maps';
import { readPointer, writePointer } from '../dev/pointer.ts';
import type { RedirectMapDef } from '../xdp/redirect-map.ts';
import {
  chargeError,
  copyIfindex,
  deviceMapAllocCheck,
  deviceOf,
  forgetRedirects,
  ifindexOff,
  readOnlyForProgs,
  redirectToDevice,
  WORD,
} from './device-slot.ts';

const SLOT = 8;

/** Slots of pointers to devices, right behind `struct bpf_map`. */
class DevMap extends MapObject {
  readonly slotsOff: number;

  constructor(init: MapInit & { slotsOff: number }) {
    super(init);
    this.slotsOff = init.slotsOff;
  }

  /** Offset of a slot; 0 beyond the end. */
  slot(index: number): number {
    return index < this.maxEntries ? this.slotsOff + index * SLOT : 0;
  }
  /** Offset of the device in a slot; 0 for none. */
  device(index: number): number {
    const slot = this.slot(index);
    return slot === 0 ? 0 : readPointer(this.mem, slot);
  }
}

function update(map: DevMap, keyOff: number, valueOff: number, flags: number): Errno {
  if (flags > BPF_EXIST) return -EINVAL;
  const slot = map.slot(map.mem.read32(keyOff));
  if (slot === 0) return -E2BIG;
  if (flags === BPF_NOEXIST) return -EEXIST;
  const ifindex = map.mem.read32(valueOff);
  const device = ifindex === 0 ? undefined : deviceOf(map, ifindex);
  if (ifindex !== 0 && device === undefined) return -EINVAL;
  writePointer(map.mem, slot, device?.off ?? 0);
  return 0;
}

function remove(map: DevMap, keyOff: number): Errno {
  const slot = map.slot(map.mem.read32(keyOff));
  if (slot === 0) return -EINVAL;
  writePointer(map.mem, slot, 0);
  return 0;
}

function nextKey(map: DevMap, keyOff: number, nextOff: number): Errno {
  const index = keyOff === 0 ? map.maxEntries : map.mem.read32(keyOff);
  if (index === map.maxEntries - 1) return -ENOENT;
  map.mem.write32(nextOff, index >= map.maxEntries ? 0 : index + 1);
  return 0;
}

export const devMapType: RedirectMapDef<DevMap> = {
  type: BPF_MAP_TYPE_DEVMAP,
  name: 'devmap',
  since: '4.14',
  onlyHelpers: ['redirect_map', 'map_lookup_elem'],
  noBtf: true,
  allocCheck: deviceMapAllocCheck,
  alloc(params, kernel) {
    const costBytes = params.maxEntries * SLOT;
    const made = chargeAndAlloc(kernel, costBytes, () => {
      const lead = Math.ceil(mapStructSize(kernel.types) / SLOT) * SLOT;
      const off = kernel.mem.alloc(lead + costBytes, { kind: 'map', name: 'devmap', writable: false });
      if (off === 0) return undefined;
      const init = { def: devMapType, kernel, params: readOnlyForProgs(params), off, regionOff: off, costBytes };
      return new DevMap({ ...init, syscallValueSize: WORD, slotsOff: off + lead });
    });
    return chargeError(made);
  },
  opSymbols: {
    lookup: 'dev_map_lookup_elem',
    update: 'dev_map_update_elem',
    delete: 'dev_map_delete_elem',
  },
  redirectTarget: (map, key) => map.device(key),
  redirectXmit: redirectToDevice,
  ops: {
    lookup: (map, keyOff) => ifindexOff(map, map.device(map.mem.read32(keyOff))),
    sysLookup: (map, keyOff, valueOff) => copyIfindex(map, map.device(map.mem.read32(keyOff)), valueOff),
    sysUpdate: update,
    sysDelete: remove,
    getNextKey: nextKey,
    objectGone(map, obj) {
      for (let index = 0; index < map.maxEntries; index++) {
        if (map.device(index) === obj.off) writePointer(map.mem, map.slot(index), 0);
      }
    },
    free(map) {
      forgetRedirects(map);
      map.release();
    },
  },
};
