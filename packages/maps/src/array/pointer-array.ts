// SPDX-License-Identifier: MIT
// Arrays whose elements point to kernel objects, and whose values are 4 bytes to system calls: an fd in, an id out.
// @see kernel/bpf/arraymap.c, bpf_fd_array_map_update_elem
import { BPF_ANY, BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, E2BIG, EINVAL, ENOENT } from '@tsbpf/uapi';
import type { Errno, KernelObject, MapParams } from '@tsbpf/core';
import { arrayAllocCheck, arrayElem, type ArrayMap } from './array-map.ts';

/** What elements point to. */
export interface PointerHooks<T extends KernelObject, M extends ArrayMap = ArrayMap> {
  readonly kind: T['kind'];
  /** The object behind an fd, with a reference that the array takes over; -errno. */
  get(map: M, fd: number): T | Errno;
  /** Drops the reference. */
  put(map: M, obj: T): void;
}

/** Values are 4 bytes, and programs may not be kept out. @see fd_array_map_alloc_check */
export function pointerArrayAllocCheck(params: MapParams): Errno {
  if (params.valueSize !== 4) return -EINVAL;
  if ((params.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) !== 0) return -EINVAL;
  return arrayAllocCheck(params);
}

/** The object an element at `elem` points to; undefined where it is empty. */
export function pointedTo<T extends KernelObject>(map: ArrayMap, elem: number, kind: T['kind']): T | undefined {
  const off = map.mem.read32(elem);
  return off === 0 ? undefined : map.kernel.objects.get<T>(off, kind);
}

/** Makes the element point to an object, or to none. */
export function pointAt(map: ArrayMap, elem: number, obj: KernelObject | undefined): void {
  map.mem.write64(elem, obj === undefined ? 0n : map.mem.toAddr(obj.off));
}

/** Writes the id of the object an element points to; -ENOENT for an empty one, and beyond the end. */
export function pointerLookup<T extends KernelObject & { readonly id: number }>(
  map: ArrayMap,
  keyOff: number,
  valueOff: number,
  hooks: PointerHooks<T>,
): Errno {
  const elem = arrayElem(map, keyOff);
  const obj = elem === 0 ? undefined : pointedTo<T>(map, elem, hooks.kind);
  if (obj === undefined) return -ENOENT;
  map.mem.write32(valueOff, obj.id);
  return 0;
}

/** Replaces what an element points to by the object behind the fd at `valueOff`. */
export function pointerUpdate<T extends KernelObject, M extends ArrayMap>(
  map: M,
  keyOff: number,
  valueOff: number,
  flags: number,
  hooks: PointerHooks<T, M>,
): Errno {
  if (flags !== BPF_ANY) return -EINVAL;
  const elem = arrayElem(map, keyOff);
  if (elem === 0) return -E2BIG;
  const obj = hooks.get(map, map.mem.readS32(valueOff));
  if (typeof obj === 'number') return obj;
  const old = pointedTo<T>(map, elem, hooks.kind);
  pointAt(map, elem, obj);
  if (old !== undefined) hooks.put(map, old);
  return 0;
}

/** Empties an element. */
export function pointerDelete<T extends KernelObject, M extends ArrayMap>(
  map: M,
  keyOff: number,
  hooks: PointerHooks<T, M>,
): Errno {
  const elem = arrayElem(map, keyOff);
  if (elem === 0) return -E2BIG;
  const old = pointedTo<T>(map, elem, hooks.kind);
  if (old === undefined) return -ENOENT;
  pointAt(map, elem, undefined);
  hooks.put(map, old);
  return 0;
}

/** Empties all elements. */
export function pointerClear<T extends KernelObject, M extends ArrayMap>(map: M, hooks: PointerHooks<T, M>): void {
  for (let index = 0; index < map.maxEntries; index++) {
    const elem = map.dataOff + index * map.stride;
    const obj = pointedTo<T>(map, elem, hooks.kind);
    if (obj === undefined) continue;
    pointAt(map, elem, undefined);
    hooks.put(map, obj);
  }
}
