// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_XSKMAP: AF_XDP sockets by index.
// @see kernel/bpf/xskmap.c, xsk_map_ops
import {
  BPF_ADD,
  BPF_DW,
  BPF_EXIST,
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY,
  BPF_F_WRONLY,
  BPF_JGE,
  BPF_LSH,
  BPF_MAP_TYPE_XSKMAP,
  BPF_W,
  CAP_NET_ADMIN,
  E2BIG,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
} from '@tsbpf/uapi';
import type { KernelTypes, MapFacts } from '@tsbpf/core';
import { alu64Imm, alu64Reg, ja, jmpImm, ldxMem, mov64Imm, program } from '@tsbpf/insn';
import { arrayNextKey, chargeAndAlloc, MapObject, mapStructSize, presenceError, type MapInit } from '@tsbpf/maps';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { sockOfFd } from '../sock/socket-file.ts';
import type { RedirectMapDef } from '../xdp/redirect-map.ts';
import { xdpSocketsOf } from '../xsk/xdp-socket.ts';
import { forgetRedirects, WORD } from './device-slot.ts';

const SLOT = 8;
/** A lock and its padding lie between `struct bpf_map` and the slots. */
const LOCK_ROOM = 8;

/** `offsetof(struct xsk_map, xsk_map)`. */
function slotsAt(types: KernelTypes): number {
  return types.tryResolve('xsk_map.xsk_map')?.off ?? mapStructSize(types) + LOCK_ROOM;
}

/** Slots of pointers to sockets. */
class XskMap extends MapObject {
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

const [RET, MAP, INDEX] = [0, 1, 2];

/** A bounds check, then the pointer in the slot. @see xsk_map_gen_lookup */
function genLookup(map: MapFacts, types: KernelTypes): ReturnType<NonNullable<RedirectMapDef['genLookup']>> {
  const insns = program(
    ldxMem(BPF_W, RET, INDEX, 0),
    jmpImm(BPF_JGE, RET, map.maxEntries | 0, 5),
    alu64Imm(BPF_LSH, RET, Math.log2(SLOT)),
    alu64Imm(BPF_ADD, MAP, slotsAt(types)),
    alu64Reg(BPF_ADD, RET, MAP),
    ldxMem(BPF_DW, RET, RET, 0),
    ja(1),
    mov64Imm(RET, 0),
  );
  return { insns, callees: new Map() };
}

export const xskMapType: RedirectMapDef<XskMap> = {
  type: BPF_MAP_TYPE_XSKMAP,
  name: 'xskmap',
  since: '4.18',
  kernelStruct: 'xsk_map',
  onlyHelpers: ['redirect_map', 'map_lookup_elem'],
  lookupResult: 'xdpSock',
  noBtf: true,
  allocCheck(params, kernel) {
    if (!kernel.env.capable(CAP_NET_ADMIN)) return -EPERM;
    const { maxEntries, keySize, valueSize, flags } = params;
    const known = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY;
    return maxEntries === 0 || keySize !== WORD || valueSize !== WORD || (flags & ~known) !== 0 ? -EINVAL : 0;
  },
  alloc(params, kernel) {
    const lead = slotsAt(kernel.types);
    const costBytes = lead + params.maxEntries * SLOT;
    return chargeAndAlloc(kernel, costBytes, () => {
      const off = kernel.mem.alloc(costBytes, { kind: 'map', name: 'xskmap', writable: false });
      if (off === 0) return undefined;
      const init = { def: xskMapType, kernel, params, off, regionOff: off, costBytes, syscallValueSize: WORD };
      return new XskMap({ ...init, slotsOff: off + lead });
    });
  },
  genLookup,
  opSymbols: { lookup: 'xsk_map_lookup_elem', update: 'xsk_map_update_elem', delete: 'xsk_map_delete_elem' },
  redirectTarget: (map, key) => map.sock(key),
  redirectXmit: ({ map, target, from, xdp }) => xdpSocketsOf(map.kernel).bySk.get(target)?.take(from, xdp) ?? -EINVAL,
  ops: {
    lookup: (map, keyOff) => map.sock(map.mem.read32(keyOff)),
    sysLookup: () => -EOPNOTSUPP,
    sysUpdate(map, keyOff, valueOff, flags) {
      if (flags > BPF_EXIST) return -EINVAL;
      if (map.slot(map.mem.read32(keyOff)) === 0) return -E2BIG;
      const sock = sockOfFd(map.kernel, map.mem.readS32(valueOff));
      if (typeof sock === 'number') return sock;
      if (!xdpSocketsOf(map.kernel).bySk.has(sock.off)) return -EOPNOTSUPP;
      const slot = map.slot(map.mem.read32(keyOff));
      const old = readPointer(map.mem, slot);
      if (old === sock.off) return 0;
      const err = presenceError(old !== 0, flags);
      if (err === 0) writePointer(map.mem, slot, sock.off);
      return err;
    },
    sysDelete(map, keyOff) {
      const slot = map.slot(map.mem.read32(keyOff));
      if (slot === 0) return -EINVAL;
      writePointer(map.mem, slot, 0);
      return 0;
    },
    objectGone(map, obj) {
      if (obj.kind !== 'sock') return;
      for (let index = 0; index < map.maxEntries; index++) {
        if (map.sock(index) === obj.off) writePointer(map.mem, map.slot(index), 0);
      }
    },
    getNextKey: arrayNextKey,
    free(map) {
      forgetRedirects(map);
      map.release();
    },
  },
};
