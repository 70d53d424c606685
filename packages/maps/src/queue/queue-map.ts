// SPDX-License-Identifier: MIT
// The ring buffer that queues and stacks are. @see kernel/bpf/queue_stack_maps.c
import {
  BPF_EXIST,
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY_PROG,
  BPF_NOEXIST,
  CAP_SYS_ADMIN,
  E2BIG,
  EINVAL,
  ENOENT,
  EPERM,
} from '@tsbpf/uapi';
import type { Errno, KernelServices, MapParams, MapTypeDef } from '@tsbpf/core';
import { copyBytes } from '../object/copy.ts';
import { ACCESS_MASK, flagsOk } from '../object/flags.ts';
import { mapStructSize } from '../object/layout.ts';
import { MapObject, chargeAndAlloc, type MapInit } from '../object/map-object.ts';
import { ARRAY_STRUCT_SIZE, KMALLOC_MAX_SIZE } from '../object/sizes.ts';

/** State behind `struct bpf_map`: slot that is written next, slot of the oldest element; then the slots. */
const HEAD = 0;
const TAIL = 4;
const STATE_SIZE = 8;

/** A ring of max_entries + 1 slots, one of which is always free: empty where head and tail meet. */
export class QueueMap extends MapObject {
  readonly slots: number;
  readonly #stateOff: number;

  constructor(init: MapInit & { stateOff: number }) {
    super(init);
    this.slots = this.maxEntries + 1;
    this.#stateOff = init.stateOff;
  }

  get head(): number {
    return this.mem.read32(this.#stateOff + HEAD);
  }
  set head(slot: number) {
    this.mem.write32(this.#stateOff + HEAD, slot);
  }
  get tail(): number {
    return this.mem.read32(this.#stateOff + TAIL);
  }
  set tail(slot: number) {
    this.mem.write32(this.#stateOff + TAIL, slot);
  }

  slotOff(slot: number): number {
    return this.#stateOff + STATE_SIZE + slot * this.valueSize;
  }
  after(slot: number): number {
    return slot + 1 === this.slots ? 0 : slot + 1;
  }
}

export function queueAllocCheck(params: MapParams, kernel: KernelServices): Errno {
  if (!kernel.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  if (params.maxEntries === 0 || params.keySize !== 0 || params.valueSize === 0) return -EINVAL;
  if (!flagsOk(params.flags, BPF_F_NUMA_NODE | ACCESS_MASK)) return -EINVAL;
  return params.valueSize > KMALLOC_MAX_SIZE ? -E2BIG : 0;
}

export function allocQueue(params: MapParams, kernel: KernelServices, def: MapTypeDef<QueueMap>): QueueMap | Errno {
  const slotBytes = (params.maxEntries + 1) * params.valueSize;
  const costBytes = ARRAY_STRUCT_SIZE + slotBytes;
  return chargeAndAlloc(kernel, costBytes, () => {
    const structSize = mapStructSize(kernel.types);
    const writable = (params.flags & BPF_F_RDONLY_PROG) === 0;
    const regionOff = kernel.mem.alloc(structSize + STATE_SIZE + slotBytes, { kind: 'map', name: def.name, writable });
    if (regionOff === 0) return undefined;
    const stateOff = regionOff + structSize;
    const syscallValueSize = params.valueSize;
    return new QueueMap({ def, kernel, params, off: regionOff, regionOff, costBytes, syscallValueSize, stateOff });
  });
}

/** Adds an element; with BPF_EXIST a full ring drops its oldest one. */
export function queuePush(map: QueueMap, valueOff: number, flags: number): Errno {
  if (flags > BPF_EXIST || (flags & BPF_NOEXIST) !== 0) return -EINVAL;
  const { head } = map;
  const next = map.after(head);
  if (next === map.tail) {
    if (flags !== BPF_EXIST) return -E2BIG;
    map.tail = map.after(map.tail);
  }
  copyBytes(map.mem, map.slotOff(head), valueOff, map.valueSize);
  map.head = next;
  return 0;
}

/** The oldest element. An empty ring zeroes the caller's value. */
export function readOldest(map: QueueMap, valueOff: number, options: { remove: boolean }): Errno {
  const { tail } = map;
  if (tail === map.head) return empty(map, valueOff);
  copyBytes(map.mem, valueOff, map.slotOff(tail), map.valueSize);
  if (options.remove) map.tail = map.after(tail);
  return 0;
}

/** The newest element. An empty ring zeroes the caller's value. */
export function readNewest(map: QueueMap, valueOff: number, options: { remove: boolean }): Errno {
  const { head } = map;
  if (head === map.tail) return empty(map, valueOff);
  const slot = head === 0 ? map.slots - 1 : head - 1;
  copyBytes(map.mem, valueOff, map.slotOff(slot), map.valueSize);
  if (options.remove) map.head = slot;
  return 0;
}

function empty(map: QueueMap, valueOff: number): Errno {
  map.mem.fill(valueOff, map.valueSize, 0);
  return -ENOENT;
}
