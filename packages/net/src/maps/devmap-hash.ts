// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_DEVMAP_HASH: devices by any 32-bit key. @see kernel/bpf/devmap.c, dev_map_hash_ops
import { BPF_EXIST, BPF_MAP_TYPE_DEVMAP_HASH, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM } from '@tsbpf/uapi';
import type { Errno } from '@tsbpf/core';
import { chargeAndAlloc, MapObject, mapStructSize, roundUpPow2, type MapInit } from '@tsbpf/maps';
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

const HEAD = 8;
/** An element: pointer to the next in its bucket, pointer to the device, key. */
const [NEXT, DEVICE, KEY, ELEM_SIZE] = [0, 8, 16, 24];

/** Buckets of elements, newest first; right behind `struct bpf_map` lie the count and the buckets' heads. */
class DevMapHash extends MapObject {
  readonly buckets: number;
  readonly #countOff: number;
  readonly #headsOff: number;

  constructor(init: MapInit & { buckets: number; tableOff: number }) {
    super(init);
    this.buckets = init.buckets;
    this.#countOff = init.tableOff;
    this.#headsOff = init.tableOff + HEAD;
  }

  get count(): number {
    return this.mem.read32(this.#countOff);
  }
  head(bucket: number): number {
    return this.#headsOff + bucket * HEAD;
  }
  bucketOf(key: number): number {
    return (key & (this.buckets - 1)) >>> 0;
  }
  next(elem: number): number {
    return readPointer(this.mem, elem + NEXT);
  }
  key(elem: number): number {
    return this.mem.read32(elem + KEY);
  }

  /** Where the pointer to the element of a key lies; 0 where there is none. */
  linkTo(key: number): number {
    for (let link = this.head(this.bucketOf(key)); ;) {
      const elem = readPointer(this.mem, link);
      if (elem === 0) return 0;
      if (this.key(elem) === key) return link;
      link = elem + NEXT;
    }
  }
  find(key: number): number {
    const link = this.linkTo(key);
    return link === 0 ? 0 : readPointer(this.mem, link);
  }
  /** Offset of the device under a key; 0 for none. */
  device(key: number): number {
    const elem = this.find(key);
    return elem === 0 ? 0 : readPointer(this.mem, elem + DEVICE);
  }
  /** Takes an element out; it stays readable until the grace period ends. */
  unlink(link: number): void {
    const elem = readPointer(this.mem, link);
    writePointer(this.mem, link, this.next(elem));
    this.mem.write32(this.#countOff, this.count - 1);
    this.kernel.rcu.callRcu(() => this.mem.free(elem));
  }
  insert(elem: number, key: number, device: number): void {
    const head = this.head(this.bucketOf(key));
    this.mem.write32(elem + KEY, key);
    writePointer(this.mem, elem + DEVICE, device);
    writePointer(this.mem, elem + NEXT, readPointer(this.mem, head));
    writePointer(this.mem, head, elem);
    this.mem.write32(this.#countOff, this.count + 1);
  }
  /** Links to all elements of which `match` holds are cut. */
  removeWhere(match: (elem: number) => boolean): void {
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      for (let link = this.head(bucket); ;) {
        const elem = readPointer(this.mem, link);
        if (elem === 0) break;
        if (match(elem)) this.unlink(link);
        else link = elem + NEXT;
      }
    }
  }
}

function update(map: DevMapHash, keyOff: number, valueOff: number, flags: number): Errno {
  const { mem } = map;
  const key = mem.read32(keyOff);
  const ifindex = mem.read32(valueOff);
  if (flags > BPF_EXIST || ifindex === 0) return -EINVAL;
  const link = map.linkTo(key);
  if (link !== 0 && (flags & BPF_NOEXIST) !== 0) return -EEXIST;
  const device = deviceOf(map, ifindex);
  if (device === undefined) return -EINVAL;
  if (link === 0 && map.count >= map.maxEntries) return -E2BIG;
  const elem = mem.alloc(ELEM_SIZE, { kind: 'map', name: 'devmap_hash' });
  if (elem === 0) return -ENOMEM;
  if (link !== 0) map.unlink(link);
  map.insert(elem, key, device.off);
  return 0;
}

function nextKey(map: DevMapHash, keyOff: number, nextOff: number): Errno {
  const { mem } = map;
  const elem = keyOff === 0 ? 0 : map.find(mem.read32(keyOff));
  let bucket = 0;
  if (elem !== 0) {
    const next = map.next(elem);
    if (next !== 0) {
      mem.write32(nextOff, map.key(next));
      return 0;
    }
    bucket = map.bucketOf(map.key(elem)) + 1;
  }
  for (; bucket < map.buckets; bucket++) {
    const first = readPointer(mem, map.head(bucket));
    if (first === 0) continue;
    mem.write32(nextOff, map.key(first));
    return 0;
  }
  return -ENOENT;
}

export const devMapHashType: RedirectMapDef<DevMapHash> = {
  type: BPF_MAP_TYPE_DEVMAP_HASH,
  name: 'devmap_hash',
  since: '5.4',
  onlyHelpers: ['redirect_map', 'map_lookup_elem'],
  noBtf: true,
  allocCheck: deviceMapAllocCheck,
  alloc(params, kernel) {
    const buckets = roundUpPow2(params.maxEntries);
    if (buckets > 0xffffffff) return -EINVAL;
    const costBytes = buckets * HEAD;
    const made = chargeAndAlloc(kernel, costBytes, () => {
      const lead = Math.ceil(mapStructSize(kernel.types) / HEAD) * HEAD;
      const off = kernel.mem.alloc(lead + HEAD + costBytes, { kind: 'map', name: 'devmap_hash', writable: false });
      if (off === 0) return undefined;
      const init = { def: devMapHashType, kernel, params: readOnlyForProgs(params), off, regionOff: off, costBytes };
      return new DevMapHash({ ...init, syscallValueSize: WORD, buckets, tableOff: off + lead });
    });
    return chargeError(made);
  },
  opSymbols: {
    lookup: 'dev_map_hash_lookup_elem',
    update: 'dev_map_hash_update_elem',
    delete: 'dev_map_hash_delete_elem',
  },
  redirectTarget: (map, key) => map.device(key),
  redirectXmit: redirectToDevice,
  ops: {
    lookup: (map, keyOff) => ifindexOff(map, map.device(map.mem.read32(keyOff))),
    sysLookup: (map, keyOff, valueOff) => copyIfindex(map, map.device(map.mem.read32(keyOff)), valueOff),
    sysUpdate: update,
    sysDelete(map, keyOff) {
      const link = map.linkTo(map.mem.read32(keyOff));
      if (link === 0) return -ENOENT;
      map.unlink(link);
      return 0;
    },
    getNextKey: nextKey,
    objectGone: (map, obj) => map.removeWhere((elem) => readPointer(map.mem, elem + DEVICE) === obj.off),
    free(map) {
      forgetRedirects(map);
      map.removeWhere(() => true);
      map.release();
    },
  },
};
