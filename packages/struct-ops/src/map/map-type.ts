// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_STRUCT_OPS. @see kernel/bpf/bpf_struct_ops.c, bpf_struct_ops_map_ops
import { BPF_MAP_TYPE_STRUCT_OPS, CAP_SYS_ADMIN, EINPROGRESS, EINVAL, ENOENT, ENOTSUPP, EPERM } from '@tsbpf/uapi';
import { defineMapType, type Errno, type KernelServices, type MapParams, type MapTypeDef } from '@tsbpf/core';
import { chargeAndAlloc, mapStructSize } from '@tsbpf/maps';
import { valueLayout } from './layout.ts';
import { STATE_INIT, STATE_INUSE, STATE_TOBEFREE, StructOpsMap } from './struct-ops-map.ts';
import { instanceOf, updateTable } from './update.ts';

const KEY_SIZE = 4;
const POINTER_SIZE = 8;
/** Bytes of `struct bpf_struct_ops_map` between the map and the kernel's value, for the memlock charge. */
const MAP_EXTRA = 128;
/** Alignment of values: a cache line. */
const VALUE_ALIGN = 64;

/** @see bpf_struct_ops_map_alloc_check */
function allocCheck({ keySize, maxEntries, flags, btfVmlinuxValueTypeId }: MapParams): Errno {
  return keySize !== KEY_SIZE || maxEntries !== 1 || flags !== 0 || btfVmlinuxValueTypeId === 0 ? -EINVAL : 0;
}

/** @see bpf_struct_ops_map_alloc */
function alloc(params: MapParams, kernel: KernelServices): StructOpsMap | Errno {
  if (!kernel.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  const layout = valueLayout(kernel.types, kernel.registries.structOps, params.btfVmlinuxValueTypeId);
  if (layout === undefined) return -ENOTSUPP;
  if (params.valueSize !== layout.sizeBytes) return -EINVAL;
  const structBytes = Math.ceil(mapStructSize(kernel.types) / VALUE_ALIGN) * VALUE_ALIGN;
  const valueBytes = Math.ceil(layout.sizeBytes / VALUE_ALIGN) * VALUE_ALIGN;
  const costBytes = structBytes + MAP_EXTRA + 2 * layout.sizeBytes + layout.members.length * POINTER_SIZE;
  return chargeAndAlloc(kernel, costBytes, () => {
    const options = { kind: 'map', name: 'struct_ops', align: VALUE_ALIGN, writable: false };
    const off = kernel.mem.alloc(structBytes + 2 * valueBytes, options);
    if (off === 0) return undefined;
    const kvalue = off + structBytes;
    const init = { def: structOpsMapType, kernel, params, off, regionOff: off, costBytes };
    return new StructOpsMap({
      ...init,
      syscallValueSize: params.valueSize,
      layout,
      kvalue,
      uvalue: kvalue + valueBytes,
    });
  });
}

/** @errno ENOENT the key is not 0 @see bpf_struct_ops_map_sys_lookup_elem */
function sysLookup(map: StructOpsMap, keyOff: number, valueOff: number): Errno {
  const { mem, layout, state } = map;
  if (mem.read32(keyOff) !== 0) return -ENOENT;
  if (state === STATE_INIT) {
    mem.fill(valueOff, layout.sizeBytes, 0);
    return 0;
  }
  mem.copy(valueOff, map.uvalue, layout.sizeBytes);
  mem.write32(valueOff + layout.stateOff, state);
  mem.write32(valueOff + layout.refcntOff, map.users);
  return 0;
}

/**
 * Unregisters. Users that are left keep the programs.
 * @errno ENOENT nothing is registered; EINPROGRESS it was unregistered before
 * @see bpf_struct_ops_map_delete_elem
 */
function sysDelete(map: StructOpsMap): Errno {
  const { state } = map;
  if (state === STATE_INIT) return -ENOENT;
  if (state !== STATE_INUSE) return -EINPROGRESS;
  map.state = STATE_TOBEFREE;
  map.layout.row.unregister(map.kernel, instanceOf(map));
  map.putTable();
  return 0;
}

export const structOpsMapType: MapTypeDef<StructOpsMap> = defineMapType<StructOpsMap>({
  type: BPF_MAP_TYPE_STRUCT_OPS,
  name: 'struct_ops',
  since: '5.6',
  unusableByProgs: true,
  noInner: true,
  allocCheck,
  alloc,
  ops: {
    sysLookup,
    sysUpdate: updateTable,
    sysDelete,
    getNextKey(map, keyOff, nextOff) {
      if (keyOff !== 0 && map.mem.read32(keyOff) === 0) return -ENOENT;
      map.mem.write32(nextOff, 0);
      return 0;
    },
    free(map) {
      map.reset();
      map.release();
    },
  },
});
