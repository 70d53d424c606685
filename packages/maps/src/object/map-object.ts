// SPDX-License-Identifier: MIT
import { ENOMEM } from '@tsbpf/uapi';
import type { BpfMap, Errno, KernelBtf, KernelServices, MapParams, MapTypeDef } from '@tsbpf/core';
import type { KernelMemory } from '@tsbpf/memory';
import { mapRulesOf, type MapRuleName } from './rules.ts';
import { PAGE_SIZE } from './sizes.ts';

/** What a map starts from: its structure is allocated, and charged for. */
export interface MapInit {
  readonly def: MapTypeDef;
  readonly kernel: KernelServices;
  readonly params: MapParams;
  /** Offset of `struct bpf_map`. */
  readonly off: number;
  /** The region that holds the structure; it may begin before it. */
  readonly regionOff: number;
  readonly costBytes: number;
  /** Bytes of one value as system calls pass it. */
  readonly syscallValueSize: number;
  /** Where it is not what was asked for. */
  readonly maxEntries?: number;
}

/**
 * A map and its `struct bpf_map` in kernel memory. The structure's members follow the object's, so that what reads
 * kernel memory sees what system calls see.
 * @see include/linux/bpf.h, struct bpf_map
 */
export class MapObject implements BpfMap {
  readonly kind = 'map' as const;
  readonly def: MapTypeDef;
  readonly kernel: KernelServices;
  readonly mem: KernelMemory;
  readonly off: number;
  readonly addr: bigint;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly numaNode: number;
  readonly btfVmlinuxValueTypeId: number;
  readonly syscallValueSize: number;
  /** By which rules of {@link MAP_RULES} it behaves. */
  readonly rules: ReadonlySet<MapRuleName>;
  btf: KernelBtf | undefined = undefined;
  innerMap: BpfMap | undefined = undefined;
  pages: number;
  writeCount = 0;
  refs = 0;
  userRefs = 0;
  readonly #regionOff: number;
  #id = 0;
  #name = '';
  #frozen = false;
  #spinLockOff = -1;
  #btfKeyTypeId = 0;
  #btfValueTypeId = 0;

  constructor(init: MapInit) {
    const { params } = init;
    this.def = init.def;
    this.kernel = init.kernel;
    this.mem = init.kernel.mem;
    this.off = init.off;
    this.#regionOff = init.regionOff;
    this.addr = this.mem.toAddr(init.off);
    this.type = params.type;
    this.keySize = params.keySize;
    this.valueSize = params.valueSize;
    this.maxEntries = init.maxEntries ?? params.maxEntries;
    this.flags = params.flags;
    this.numaNode = params.numaNode;
    this.btfVmlinuxValueTypeId = params.btfVmlinuxValueTypeId;
    this.syscallValueSize = init.syscallValueSize;
    this.rules = mapRulesOf(init.kernel.version);
    this.pages = pagesOf(init.costBytes);
    this.#mirror('map_type', this.type);
    this.#mirror('key_size', this.keySize);
    this.#mirror('value_size', this.valueSize);
    this.#mirror('max_entries', this.maxEntries);
    this.#mirror('map_flags', this.flags);
    this.#mirror('numa_node', this.numaNode);
    this.#mirror('btf_vmlinux_value_type_id', this.btfVmlinuxValueTypeId);
    this.#mirror('spin_lock_off', this.#spinLockOff);
    this.#mirror('memory.pages', this.pages);
  }

  get id(): number {
    return this.#id;
  }
  set id(id: number) {
    this.#id = id;
    this.#mirror('id', id);
  }

  get name(): string {
    return this.#name;
  }
  set name(name: string) {
    this.#name = name;
    const field = this.kernel.types.tryResolve('bpf_map.name');
    if (field === undefined) return;
    this.mem.fill(this.off + field.off, field.size, 0);
    this.mem.writeBytes(this.off + field.off, new TextEncoder().encode(name).subarray(0, field.size - 1));
  }

  get frozen(): boolean {
    return this.#frozen;
  }
  set frozen(frozen: boolean) {
    this.#frozen = frozen;
    this.#mirror('frozen', frozen ? 1 : 0);
  }

  get spinLockOff(): number {
    return this.#spinLockOff;
  }
  set spinLockOff(off: number) {
    this.#spinLockOff = off;
    this.#mirror('spin_lock_off', off);
  }

  get btfKeyTypeId(): number {
    return this.#btfKeyTypeId;
  }
  set btfKeyTypeId(typeId: number) {
    this.#btfKeyTypeId = typeId;
    this.#mirror('btf_key_type_id', typeId);
  }

  get btfValueTypeId(): number {
    return this.#btfValueTypeId;
  }
  set btfValueTypeId(typeId: number) {
    this.#btfValueTypeId = typeId;
    this.#mirror('btf_value_type_id', typeId);
  }

  /** Gives back the structure and its charge. The object must not be used afterwards. */
  release(): void {
    this.mem.free(this.#regionOff);
    this.kernel.memlock.uncharge(this.pages * PAGE_SIZE);
  }

  #mirror(member: string, value: number): void {
    const field = this.kernel.types.tryResolve(`bpf_map.${member}`);
    if (field === undefined) return;
    if (field.size === 4) this.mem.write32(this.off + field.off, value);
    else if (field.size === 1) this.mem.write8(this.off + field.off, value);
  }
}

function pagesOf(costBytes: number): number {
  return Math.ceil(costBytes / PAGE_SIZE);
}

/**
 * Charges for a map, then allocates and builds it; takes the charge back where that fails.
 * @errno E2BIG the cost is 4 GiB less a page or more
 * @errno EPERM over RLIMIT_MEMLOCK
 * @errno ENOMEM
 */
export function chargeAndAlloc<M>(kernel: KernelServices, costBytes: number, alloc: () => M | undefined): M | Errno {
  const err = kernel.memlock.charge(costBytes);
  if (err < 0) return err;
  const map = alloc();
  if (map !== undefined) return map;
  kernel.memlock.uncharge(costBytes);
  return -ENOMEM;
}
