// SPDX-License-Identifier: MIT
// Values that programs keep with a socket: finding, adding, taking away. @see net/core/bpf_sk_storage.c
import { BPF_EXIST, BPF_F_LOCK, EINVAL, ENOENT, ENOMEM, InternalError } from '@tsbpf/uapi';
import type { Errno, KernelServices } from '@tsbpf/core';
import { copyValueIn, MapObject, mapStructSize, presenceError, type MapInit } from '@tsbpf/maps';
import { readField, writeField } from '../dev/fields.ts';
import { listAdd, listRemove } from '../dev/list.ts';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { ELEM, ELEM_STRUCT_SIZE, STORAGE } from './layout.ts';
import { skStoragesOf } from './state.ts';

/** A map whose values live with sockets: it has a list of them, for the day it goes. */
export class SkStorageMap extends MapObject {
  /** Where the list of the map's elements begins. */
  readonly listOff: number;
  /** The slot of a socket's cache that this map uses; others may use it too. */
  readonly cacheIndex: number;

  constructor(init: MapInit & { listOff: number; cacheIndex: number }) {
    super(init);
    this.listOff = init.listOff;
    this.cacheIndex = init.cacheIndex;
    init.kernel.mem.write32(init.off + cacheSlotAt(init.kernel), STORAGE.cache + init.cacheIndex * 8);
  }

  /** Bytes charged to a socket for a value. */
  get elemBytes(): number {
    return ELEM_STRUCT_SIZE + this.valueSize;
  }
}

/** Where a map says which slot of a socket's cache it uses: bytes from the start of the storage. */
export function cacheSlotAt(kernel: Pick<KernelServices, 'types'>): number {
  return mapStructSize(kernel.types) + 8;
}

const OMEM = 'sock.sk_omem_alloc';

/** Where a socket points to its storage. */
function storageLink(kernel: KernelServices, sk: number): number {
  return sk + kernel.types.resolve('sock.sk_bpf_storage').off;
}

/** A socket's storage; 0 where nothing is stored. */
export function storageOf(kernel: KernelServices, sk: number): number {
  return readPointer(kernel.mem, storageLink(kernel, sk));
}

function charge(kernel: KernelServices, sk: number, lenBytes: number): boolean {
  const { optmemMax } = skStoragesOf(kernel);
  const used = readField(kernel, sk, OMEM);
  if (lenBytes > optmemMax || used + lenBytes >= optmemMax) return false;
  writeField(kernel, sk, OMEM, used + lenBytes);
  return true;
}

function uncharge(kernel: KernelServices, sk: number, lenBytes: number): void {
  writeField(kernel, sk, OMEM, readField(kernel, sk, OMEM) - lenBytes);
}

/** The element of a map in a storage; 0 for none. `remember` puts it in the cache. */
function findElem(map: SkStorageMap, storage: number, remember: boolean): number {
  if (storage === 0) return 0;
  const { mem } = map;
  const slot = storage + STORAGE.cache + map.cacheIndex * 8;
  const cached = readPointer(mem, slot);
  if (cached !== 0 && readPointer(mem, cached + ELEM.map) === map.off) return cached;
  let node = readPointer(mem, storage + STORAGE.list);
  for (; node !== 0; node = readPointer(mem, node)) {
    const elem = node - ELEM.inSk;
    if (readPointer(mem, elem + ELEM.map) !== map.off) continue;
    if (remember) writePointer(mem, slot, elem);
    return elem;
  }
  return 0;
}

/** Offset of a map's value that is stored with a socket; 0 for none. */
export function findValue(map: SkStorageMap, sk: number): number {
  const elem = findElem(map, storageOf(map.kernel, sk), true);
  return elem === 0 ? 0 : elem + ELEM.data;
}

/** An element nobody sees yet; 0 where memory, or what the socket may use of it, is exhausted. */
export function newElem(map: SkStorageMap, sk: number, options: { valueOff: number; charged: boolean }): number {
  const { kernel, mem } = map;
  if (!options.charged && !charge(kernel, sk, map.elemBytes)) return 0;
  const elem = mem.alloc(ELEM.data + Math.ceil(map.valueSize / 8) * 8, { kind: 'map', name: 'sk_storage' });
  if (elem === 0) {
    if (!options.charged) uncharge(kernel, sk, map.elemBytes);
    return 0;
  }
  writePointer(mem, elem + ELEM.map, map.off);
  if (options.valueOff !== 0) copyValueIn(map, elem + ELEM.data, options.valueOff);
  return elem;
}

/** Adds an element to a socket, which gets its storage with the first. 0, or -ENOMEM with the element freed. */
export function linkElem(map: SkStorageMap, sk: number, elem: number): Errno {
  const { kernel, mem } = map;
  let storage = storageOf(kernel, sk);
  if (storage === 0) {
    const affordable = charge(kernel, sk, STORAGE.size);
    storage = affordable ? mem.alloc(STORAGE.size, { kind: 'object', name: 'bpf_sk_storage' }) : 0;
    if (storage === 0) {
      uncharge(kernel, sk, map.elemBytes + (affordable ? STORAGE.size : 0));
      mem.free(elem);
      return -ENOMEM;
    }
    writePointer(mem, storage + STORAGE.sk, sk);
    writePointer(mem, storageLink(kernel, sk), storage);
  }
  writePointer(mem, elem + ELEM.storage, storage);
  listAdd(mem, map.listOff, elem + ELEM.inMap);
  listAdd(mem, storage + STORAGE.list, elem + ELEM.inSk);
  return 0;
}

/** The map an element belongs to. */
export function mapOfElem(kernel: KernelServices, elem: number): SkStorageMap {
  const map = kernel.objects.get<SkStorageMap>(readPointer(kernel.mem, elem + ELEM.map), 'map');
  if (map === undefined) throw new InternalError('a socket stores a value of a map that is gone');
  return map;
}

/** Takes an element away; programs that run may still read it. The last one takes the storage with it. */
export function unlinkElem(map: SkStorageMap, elem: number, options: { keepCharge?: boolean } = {}): void {
  const { kernel, mem } = map;
  const storage = readPointer(mem, elem + ELEM.storage);
  const sk = readPointer(mem, storage + STORAGE.sk);
  listRemove(mem, elem + ELEM.inMap);
  listRemove(mem, elem + ELEM.inSk);
  if (options.keepCharge !== true) uncharge(kernel, sk, map.elemBytes);
  const slot = storage + STORAGE.cache + map.cacheIndex * 8;
  if (readPointer(mem, slot) === elem) writePointer(mem, slot, 0);
  kernel.rcu.callRcu(() => mem.free(elem));
  if (readPointer(mem, storage + STORAGE.list) !== 0) return;
  uncharge(kernel, sk, STORAGE.size);
  writePointer(mem, storageLink(kernel, sk), 0);
  kernel.rcu.callRcu(() => mem.free(storage));
}

/**
 * Stores a value with a socket; `valueOff` 0 for zeroes. The offset of the stored value, or -errno. Without F_LOCK the
 * element is replaced: a program that has the old one keeps it.
 * @errno EINVAL bad flags @errno EEXIST @errno ENOENT @errno ENOMEM also where the socket may use no more memory
 */
export function storeValue(map: SkStorageMap, sk: number, valueOff: number, flags: number): number {
  const { kernel } = map;
  if (flags > (BPF_EXIST | BPF_F_LOCK) || (flags & ~BPF_F_LOCK) > BPF_EXIST) return -EINVAL;
  const locked = (flags & BPF_F_LOCK) !== 0;
  if (locked && map.spinLockOff < 0) return -EINVAL;
  const old = findElem(map, storageOf(kernel, sk), false);
  const err = presenceError(old !== 0, flags);
  if (err < 0) return err;
  if (old !== 0 && locked) {
    copyValueIn(map, old + ELEM.data, valueOff);
    return old + ELEM.data;
  }
  const elem = newElem(map, sk, { valueOff, charged: old !== 0 });
  if (elem === 0 || linkElem(map, sk, elem) < 0) return -ENOMEM;
  if (old !== 0) unlinkElem(map, old, { keepCharge: true });
  return elem + ELEM.data;
}

/** Takes a map's value from a socket. 0 or -ENOENT. */
export function removeValue(map: SkStorageMap, sk: number): Errno {
  const elem = findElem(map, storageOf(map.kernel, sk), false);
  if (elem === 0) return -ENOENT;
  unlinkElem(map, elem);
  return 0;
}

/** The map goes: its values leave all sockets. */
export function removeAllOf(map: SkStorageMap): void {
  for (let elem; (elem = readPointer(map.mem, map.listOff)) !== 0;) unlinkElem(map, elem - ELEM.inMap);
}
