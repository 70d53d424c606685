// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_SOCKHASH: connected TCP sockets by key. @see net/core/sock_map.c, sock_hash_ops
import { BPF_MAP_TYPE_SOCKHASH, CAP_NET_ADMIN, E2BIG, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP, EPERM } from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapParams, type MapTypeDef } from '@tsbpf/core';
import {
  chargeAndAlloc,
  copyBytes,
  mapStructSize,
  MAX_KEY_SIZE,
  PAGE_SIZE,
  presenceError,
  roundUp8,
  roundUpPow2,
  type MapInit,
} from '@tsbpf/maps';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { addPlace, joinMap, leavePlace, putPsock } from '../sockmap/psock.ts';
import { dropSockProgs, SOCK_PROGS_SIZE, SockMapObject } from '../sockmap/sock-map-object.ts';
import { checkFlags, connectedTcpOfFd, hasUpperLayer } from '../sockmap/socket-check.ts';
import { SOCK_MAP_FLAGS } from './sockmap.ts';

const WORD = 4;
const HEAD = 8;
/** An element: pointer to the next in its bucket, pointer to the socket, key. */
const [NEXT, SOCK, KEY] = [0, 8, 16];
/** `sizeof(struct bpf_htab_bucket)` and `sizeof(struct bpf_htab_elem)` of socket hashes, for the limit of their size. */
const [BUCKET_SIZE, ELEM_SIZE] = [16, 48];

/** Buckets of elements, newest first; behind the pointers to programs lie the count and the buckets' heads. */
export class SockHash extends SockMapObject {
  readonly buckets: number;
  readonly #countOff: number;
  readonly #headsOff: number;

  constructor(init: MapInit & { progsOff: number; buckets: number }) {
    super(init);
    this.buckets = init.buckets;
    this.#countOff = init.progsOff + SOCK_PROGS_SIZE;
    this.#headsOff = this.#countOff + HEAD;
  }

  get count(): number {
    return this.mem.read32(this.#countOff);
  }
  head(bucket: number): number {
    return this.#headsOff + bucket * HEAD;
  }
  bucketOf(keyOff: number): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.keySize; i++) hash = Math.imul(hash ^ this.mem.read8(keyOff + i), 0x01000193);
    return ((hash ^ (hash >>> 15)) & (this.buckets - 1)) >>> 0;
  }
  /** The element of a key; 0 for none. */
  find(keyOff: number): number {
    let elem = readPointer(this.mem, this.head(this.bucketOf(keyOff)));
    while (elem !== 0 && this.mem.compare(elem + KEY, keyOff, this.keySize) !== 0) elem = readPointer(this.mem, elem);
    return elem;
  }
  sock(elem: number): number {
    return readPointer(this.mem, elem + SOCK);
  }
  /** A new element at the head of its bucket; 0 when memory is exhausted. */
  insert(keyOff: number, sk: number): number {
    const elem = this.mem.alloc(KEY + roundUp8(this.keySize), { kind: 'map', name: 'sockhash', writable: false });
    if (elem === 0) return 0;
    const head = this.head(this.bucketOf(keyOff));
    copyBytes(this.mem, elem + KEY, keyOff, this.keySize);
    writePointer(this.mem, elem + SOCK, sk);
    writePointer(this.mem, elem + NEXT, readPointer(this.mem, head));
    writePointer(this.mem, head, elem);
    this.mem.write32(this.#countOff, this.count + 1);
    return elem;
  }
  /** Takes an element out; it stays readable until the grace period ends. */
  override forget(elem: number): void {
    let link = this.head(this.bucketOf(elem + KEY));
    while (readPointer(this.mem, link) !== elem) link = readPointer(this.mem, link);
    writePointer(this.mem, link, readPointer(this.mem, elem + NEXT));
    this.mem.write32(this.#countOff, this.count - 1);
    this.kernel.rcu.callRcu(() => this.mem.free(elem));
  }
}

/** Stores a connected TCP socket under a key. @see sock_hash_update_common */
export function sockHashStore(map: SockHash, keyOff: number, sk: number, flags: number): Errno {
  const { kernel } = map;
  const bad = checkFlags(flags);
  if (bad < 0) return bad;
  if (hasUpperLayer(kernel, sk)) return -EINVAL;
  const joined = joinMap(map, sk);
  if (joined < 0) return joined;
  const giveUp = (err: Errno): Errno => {
    putPsock(map, sk);
    return err;
  };
  const old = map.find(keyOff);
  const err = presenceError(old !== 0, flags);
  if (err < 0) return giveUp(err);
  if (old === 0 && map.count >= map.maxEntries) return giveUp(-E2BIG);
  const elem = map.insert(keyOff, sk);
  if (elem === 0) return giveUp(-ENOMEM);
  const noted = addPlace(map, sk, elem);
  if (noted < 0) {
    map.forget(elem);
    return giveUp(noted);
  }
  if (old !== 0) removeElem(map, old);
  return 0;
}

function removeElem(map: SockHash, elem: number): void {
  const sk = map.sock(elem);
  map.forget(elem);
  leavePlace(map, sk, elem);
}

function remove(map: SockHash, keyOff: number): Errno {
  const elem = map.find(keyOff);
  if (elem === 0) return -ENOENT;
  removeElem(map, elem);
  return 0;
}

/** The first element of the buckets from one on. */
function firstFrom(map: SockHash, from: number): number {
  for (let bucket = from; bucket < map.buckets; bucket++) {
    const elem = readPointer(map.mem, map.head(bucket));
    if (elem !== 0) return elem;
  }
  return 0;
}

function nextKey(map: SockHash, keyOff: number, nextOff: number): Errno {
  const elem = keyOff === 0 ? 0 : map.find(keyOff);
  const inBucket = elem === 0 ? 0 : readPointer(map.mem, elem + NEXT);
  const next = inBucket !== 0 ? inBucket : firstFrom(map, elem === 0 ? 0 : map.bucketOf(keyOff) + 1);
  if (next === 0) return -ENOENT;
  copyBytes(map.mem, nextOff, next + KEY, map.keySize);
  return 0;
}

/** Bytes all buckets and elements take in Linux; Infinity where the buckets alone are too many. */
function sizeInLinux({ maxEntries, keySize }: MapParams): number {
  const buckets = roundUpPow2(maxEntries);
  if (buckets > 0xffffffff / BUCKET_SIZE) return Infinity;
  return buckets * BUCKET_SIZE + (ELEM_SIZE + roundUp8(keySize)) * maxEntries;
}

export const sockHashType: MapTypeDef<SockHash> = defineMapType<SockHash>({
  type: BPF_MAP_TYPE_SOCKHASH,
  name: 'sockhash',
  since: '4.18',
  onlyHelpers: ['sk_redirect_hash', 'sock_hash_update', 'map_delete_elem', 'msg_redirect_hash'],
  noBtf: true,
  allocCheck(params, kernel) {
    if (!kernel.env.capable(CAP_NET_ADMIN)) return -EPERM;
    const { maxEntries, keySize, valueSize, flags } = params;
    const bad = maxEntries === 0 || keySize === 0 || valueSize !== WORD || (flags & ~SOCK_MAP_FLAGS) !== 0;
    if (bad) return -EINVAL;
    if (keySize > MAX_KEY_SIZE) return -E2BIG;
    return sizeInLinux(params) >= 0xffffffff - PAGE_SIZE ? -EINVAL : 0;
  },
  alloc(params, kernel) {
    // v5.6 does not charge RLIMIT_MEMLOCK for it.
    return chargeAndAlloc(kernel, 0, () => {
      const buckets = roundUpPow2(params.maxEntries);
      const lead = mapStructSize(kernel.types);
      const lenBytes = lead + SOCK_PROGS_SIZE + HEAD + buckets * HEAD;
      const off = kernel.mem.alloc(lenBytes, { kind: 'map', name: 'sockhash', writable: false });
      if (off === 0) return undefined;
      const init = { def: sockHashType, kernel, params, off, regionOff: off, costBytes: 0, syscallValueSize: WORD };
      return new SockHash({ ...init, progsOff: off + lead, buckets });
    });
  },
  opSymbols: { lookup: 'sock_hash_lookup', update: 'sock_hash_update_elem', delete: 'sock_hash_delete_elem' },
  ops: {
    delete: remove,
    sysLookup: () => -EOPNOTSUPP,
    sysUpdate(map, keyOff, valueOff, flags) {
      const sk = connectedTcpOfFd(map.kernel, map.mem.readS32(valueOff));
      return sk < 0 ? sk : sockHashStore(map, keyOff, sk, flags);
    },
    sysDelete: remove,
    getNextKey: nextKey,
    releaseUserRefs: (map) => dropSockProgs(map.kernel, map.progsOff),
    free(map) {
      for (let elem; (elem = firstFrom(map, 0)) !== 0;) removeElem(map, elem);
      dropSockProgs(map.kernel, map.progsOff);
      map.release();
    },
  },
});
