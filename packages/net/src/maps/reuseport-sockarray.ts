// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: sockets of SO_REUSEPORT groups by index.
// @see kernel/bpf/reuseport_array.c, reuseport_array_ops
import {
  BPF_EXIST,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  CAP_SYS_ADMIN,
  E2BIG,
  EBUSY,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOTSUPP,
  EPERM,
} from '@tsbpf/uapi';
import { defineMapType, type Errno, type KernelServices, type MapTypeDef } from '@tsbpf/core';
import {
  arrayAllocCheck,
  arrayNextKey,
  chargeAndAlloc,
  MapObject,
  mapStructSize,
  presenceError,
  type MapInit,
} from '@tsbpf/maps';
import { readField, writePointerField } from '../dev/fields.ts';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { netOf } from '../net-state.ts';
import { numberGroup } from '../reuseport/group.ts';
import { isRcuFree } from '../sock/inet-sock.ts';
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP } from '../sock/sock-table.ts';
import type { Sock } from '../sock/sock.ts';
import { sockOfFd } from '../sock/socket-file.ts';

const SLOT = 8;
/** Values are an fd, or 8 bytes: an fd in, a cookie out. */
const [FD_SIZE, COOKIE_SIZE] = [4, 8];
const MAX_FD = 0x7fffffffn;
const [SOCK_STREAM, SOCK_DGRAM] = [1, 2];

/** Slots of pointers to sockets, right behind `struct bpf_map`. */
export class ReuseportArray extends MapObject {
  readonly #slotsOff: number;

  constructor(init: MapInit & { slotsOff: number }) {
    super(init);
    this.#slotsOff = init.slotsOff;
  }

  /** Offset of a slot; 0 beyond the end. */
  slot(index: number): number {
    return index < this.maxEntries ? this.#slotsOff + index * SLOT : 0;
  }
  /** Offset of the socket in a slot; 0 for none. */
  sock(index: number): number {
    const slot = this.slot(index);
    return slot === 0 ? 0 : readPointer(this.mem, slot);
  }
}

function pointerIn(kernel: KernelServices, sk: number, path: string): number {
  return readPointer(kernel.mem, sk + kernel.types.resolve(path).off);
}

/** A socket points to its place in the array: it is in one at most. */
function setPlace(kernel: KernelServices, sk: number, slot: number): void {
  writePointerField(kernel, sk, 'sock.sk_user_data', slot);
}

/** Whether a socket may be in an array; it must receive already, in a group. @see reuseport_array_update_check */
function checkSock(kernel: KernelServices, sk: number): Errno {
  const protocol = readField(kernel, sk, 'sock.sk_protocol');
  const family = readField(kernel, sk, 'sock_common.skc_family');
  const type = readField(kernel, sk, 'sock.sk_type');
  if (protocol !== IPPROTO_UDP && protocol !== IPPROTO_TCP) return -ENOTSUPP;
  if (family !== AF_INET && family !== AF_INET6) return -ENOTSUPP;
  if (type !== SOCK_STREAM && type !== SOCK_DGRAM) return -ENOTSUPP;
  // Receiving: bound for UDP, listening for TCP, which is when sockets become findable without a reference.
  const receives = isRcuFree(netOf(kernel), sk) && readField(kernel, sk, 'sock_common.skc_num') !== 0;
  if (!receives || pointerIn(kernel, sk, 'sock.sk_reuseport_cb') === 0) return -EINVAL;
  return pointerIn(kernel, sk, 'sock.sk_user_data') === 0 ? 0 : -EBUSY;
}

function update(map: ReuseportArray, keyOff: number, valueOff: number, flags: number): Errno {
  const { kernel, mem } = map;
  if (flags > BPF_EXIST) return -EINVAL;
  const slot = map.slot(mem.read32(keyOff));
  if (slot === 0) return -E2BIG;
  if (map.valueSize === COOKIE_SIZE && mem.read64(valueOff) > MAX_FD) return -EINVAL;
  const sock = sockOfFd(kernel, mem.readS32(valueOff));
  if (typeof sock === 'number') return sock;
  const old = readPointer(mem, slot);
  const err = presenceError(old !== 0, flags) || checkSock(kernel, sock.off);
  if (err < 0) return err;
  numberGroup(kernel, sock.off);
  setPlace(kernel, sock.off, slot);
  writePointer(mem, slot, sock.off);
  if (old !== 0) setPlace(kernel, old, 0);
  return 0;
}

function lookup(map: ReuseportArray, keyOff: number, valueOff: number): Errno {
  if (map.valueSize !== COOKIE_SIZE) return -ENOSPC;
  const sk = map.sock(map.mem.read32(keyOff));
  if (sk === 0) return -ENOENT;
  map.mem.write64(valueOff, netOf(map.kernel).socketCookie(sk));
  return 0;
}

function remove(map: ReuseportArray, keyOff: number): Errno {
  const slot = map.slot(map.mem.read32(keyOff));
  if (slot === 0) return -E2BIG;
  const sk = readPointer(map.mem, slot);
  if (sk === 0) return -ENOENT;
  setPlace(map.kernel, sk, 0);
  writePointer(map.mem, slot, 0);
  return 0;
}

export const reuseportSockarrayType: MapTypeDef<ReuseportArray> = defineMapType<ReuseportArray>({
  type: BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  name: 'reuseport_sockarray',
  since: '4.19',
  onlyHelpers: ['sk_select_reuseport'],
  allocCheck(params, kernel) {
    if (params.valueSize !== FD_SIZE && params.valueSize !== COOKIE_SIZE) return -EINVAL;
    const err = arrayAllocCheck(params);
    if (err < 0) return err;
    return kernel.env.capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
  },
  alloc(params, kernel) {
    const lead = mapStructSize(kernel.types);
    const costBytes = lead + params.maxEntries * SLOT;
    return chargeAndAlloc(kernel, costBytes, () => {
      const off = kernel.mem.alloc(costBytes, { kind: 'map', name: 'reuseport_sockarray', writable: false });
      if (off === 0) return undefined;
      const { valueSize } = params;
      const init = { def: reuseportSockarrayType, kernel, params, off, regionOff: off, costBytes };
      return new ReuseportArray({ ...init, syscallValueSize: valueSize, slotsOff: off + lead });
    });
  },
  opSymbols: {
    lookup: 'reuseport_array_lookup_elem',
    delete: 'reuseport_array_delete_elem',
  },
  ops: {
    sysLookup: lookup,
    sysUpdate: update,
    sysDelete: remove,
    getNextKey: arrayNextKey,
    objectGone(map, obj) {
      if (obj.kind !== 'sock') return;
      for (let index = 0; index < map.maxEntries; index++) {
        if (map.sock(index) === obj.off) writePointer(map.mem, map.slot(index), 0);
      }
    },
    free(map) {
      for (let index = 0; index < map.maxEntries; index++) {
        const sk = map.sock(index);
        // A socket that went while the map was unreachable is no object any more.
        if (sk !== 0 && map.kernel.objects.get<Sock>(sk, 'sock') !== undefined) setPlace(map.kernel, sk, 0);
      }
      map.release();
    },
  },
});
