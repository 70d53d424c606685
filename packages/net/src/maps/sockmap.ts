// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_SOCKMAP: connected TCP sockets by index. @see net/core/sock_map.c, sock_map_ops
import {
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY,
  BPF_F_WRONLY,
  BPF_MAP_TYPE_SOCKMAP,
  CAP_NET_ADMIN,
  E2BIG,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
} from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapTypeDef } from '@tsbpf/core';
import { arrayNextKey, chargeAndAlloc, mapStructSize, presenceError, type MapInit } from '@tsbpf/maps';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { addPlace, joinMap, leavePlace, putPsock } from '../sockmap/psock.ts';
import { dropSockProgs, SOCK_PROGS_SIZE, SockMapObject } from '../sockmap/sock-map-object.ts';
import { checkFlags, connectedTcpOfFd, hasUpperLayer } from '../sockmap/socket-check.ts';

const WORD = 4;
const SLOT = 8;
/** Creation flags of both socket maps. */
export const SOCK_MAP_FLAGS = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY;

/** Slots of pointers to sockets, behind the pointers to programs. */
export class SockMap extends SockMapObject {
  readonly #slotsOff: number;

  constructor(init: MapInit & { progsOff: number }) {
    super(init);
    this.#slotsOff = init.progsOff + SOCK_PROGS_SIZE;
  }

  /** Offset of a slot; 0 beyond the end. */
  slot(index: number): number {
    return index < this.maxEntries ? this.#slotsOff + index * SLOT : 0;
  }
  override forget(slot: number): void {
    writePointer(this.mem, slot, 0);
  }
}

/** Puts a connected TCP socket into a slot. @see sock_map_update_common */
export function sockMapStore(map: SockMap, index: number, sk: number, flags: number): Errno {
  const { kernel, mem } = map;
  const bad = checkFlags(flags);
  if (bad < 0) return bad;
  const slot = map.slot(index);
  if (slot === 0) return -E2BIG;
  if (hasUpperLayer(kernel, sk)) return -EINVAL;
  const joined = joinMap(map, sk);
  if (joined < 0) return joined;
  const old = readPointer(mem, slot);
  const err = presenceError(old !== 0, flags) || addPlace(map, sk, slot);
  if (err < 0) {
    putPsock(map, sk);
    return err;
  }
  writePointer(mem, slot, sk);
  if (old !== 0) leavePlace(map, old, slot);
  return 0;
}

function remove(map: SockMap, keyOff: number): Errno {
  const slot = map.slot(map.mem.read32(keyOff));
  const sk = slot === 0 ? 0 : readPointer(map.mem, slot);
  if (sk === 0) return -EINVAL;
  map.forget(slot);
  leavePlace(map, sk, slot);
  return 0;
}

export const sockMapType: MapTypeDef<SockMap> = defineMapType<SockMap>({
  type: BPF_MAP_TYPE_SOCKMAP,
  name: 'sockmap',
  since: '4.14',
  onlyHelpers: ['sk_redirect_map', 'sock_map_update', 'map_delete_elem', 'msg_redirect_map'],
  noBtf: true,
  allocCheck(params, kernel) {
    if (!kernel.env.capable(CAP_NET_ADMIN)) return -EPERM;
    const { maxEntries, keySize, valueSize, flags } = params;
    const bad = maxEntries === 0 || keySize !== WORD || valueSize !== WORD || (flags & ~SOCK_MAP_FLAGS) !== 0;
    return bad ? -EINVAL : 0;
  },
  alloc(params, kernel) {
    const costBytes = params.maxEntries * SLOT;
    return chargeAndAlloc(kernel, costBytes, () => {
      const lead = mapStructSize(kernel.types);
      const lenBytes = lead + SOCK_PROGS_SIZE + costBytes;
      const off = kernel.mem.alloc(lenBytes, { kind: 'map', name: 'sockmap', writable: false });
      if (off === 0) return undefined;
      const init = { def: sockMapType, kernel, params, off, regionOff: off, costBytes, syscallValueSize: WORD };
      return new SockMap({ ...init, progsOff: off + lead });
    });
  },
  opSymbols: { lookup: 'sock_map_lookup', update: 'sock_map_update_elem', delete: 'sock_map_delete_elem' },
  ops: {
    delete: remove,
    sysLookup: () => -EOPNOTSUPP,
    sysUpdate(map, keyOff, valueOff, flags) {
      const sk = connectedTcpOfFd(map.kernel, map.mem.readS32(valueOff));
      return sk < 0 ? sk : sockMapStore(map, map.mem.read32(keyOff), sk, flags);
    },
    sysDelete: remove,
    getNextKey: arrayNextKey,
    releaseUserRefs: (map) => dropSockProgs(map.kernel, map.progsOff),
    free(map) {
      for (let index = 0; index < map.maxEntries; index++) {
        const slot = map.slot(index);
        const sk = readPointer(map.mem, slot);
        if (sk !== 0) leavePlace(map, sk, slot);
      }
      dropSockProgs(map.kernel, map.progsOff);
      map.release();
    },
  },
});
