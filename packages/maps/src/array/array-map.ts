// SPDX-License-Identifier: MIT
// What the array types share: creation, keys, iteration. @see kernel/bpf/arraymap.c
import {
  BPF_F_MMAPABLE,
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY_PROG,
  BPF_MAP_TYPE_ARRAY,
  CAP_SYS_ADMIN,
  E2BIG,
  EINVAL,
  ENOENT,
} from '@tsbpf/uapi';
import { BTF_KIND_DATASEC, BTF_KIND_INT } from '@tsbpf/btf';
import type { BpfMap, Errno, KernelBtf, KernelServices, MapParams, MapTypeDef } from '@tsbpf/core';
import { ACCESS_MASK, flagsOk } from '../object/flags.ts';
import { MapObject, chargeAndAlloc, type MapInit } from '../object/map-object.ts';
import { arrayValueOff } from '../object/layout.ts';
import {
  ARRAY_STRUCT_SIZE,
  KMALLOC_MAX_SIZE,
  PAGE_SIZE,
  PERCPU_MAX_SIZE,
  pageAlign,
  roundUp8,
  roundUpPow2,
} from '../object/sizes.ts';

const KEY_SIZE = 4;
const CREATE_FLAGS = BPF_F_NUMA_NODE | BPF_F_MMAPABLE | ACCESS_MASK;

/** What an array starts from. */
export interface ArrayInit extends MapInit {
  readonly dataOff: number;
  readonly stride: number;
  readonly cpuStride: number;
  readonly unprivArray: boolean;
}

/** An array in kernel memory: element `i` lies at `dataOff + i * stride`, right behind `struct bpf_array`. */
export class ArrayMap extends MapObject {
  readonly dataOff: number;
  /** Bytes from one element to the next; for per-CPU values, of all CPUs' slots. */
  readonly stride: number;
  /** Bytes from one CPU's value to the next; 0 where the CPUs share it. */
  readonly cpuStride: number;
  /** Created without CAP_SYS_ADMIN: programs mask indices, and there are slots for the whole mask. */
  readonly unprivArray: boolean;
  readonly indexMask: number;

  constructor(init: ArrayInit) {
    super(init);
    this.dataOff = init.dataOff;
    this.stride = init.stride;
    this.cpuStride = init.cpuStride;
    this.unprivArray = init.unprivArray;
    this.indexMask = roundUpPow2(this.maxEntries) - 1;
    const { types } = this.kernel;
    const put = (path: string, value: number): void => {
      const field = types.tryResolve(path);
      if (field?.size === 4) this.mem.write32(this.off + field.off, value);
      else if (field?.size === 1) this.mem.write8(this.off + field.off, value);
    };
    put('bpf_array.elem_size', init.cpuStride === 0 ? init.stride : init.cpuStride);
    put('bpf_array.index_mask', this.indexMask);
    put('bpf_map.unpriv_array', init.unprivArray ? 1 : 0);
  }
}

/** Attributes of all arrays. `percpu`: of one with a value for each CPU. @see array_map_alloc_check */
export function arrayAllocCheck(params: MapParams, options: { percpu?: boolean } = {}): Errno {
  const bad =
    params.maxEntries === 0 ||
    params.keySize !== KEY_SIZE ||
    params.valueSize === 0 ||
    !flagsOk(params.flags, CREATE_FLAGS) ||
    (options.percpu === true && params.numaNode !== -1) ||
    (params.type !== BPF_MAP_TYPE_ARRAY && (params.flags & BPF_F_MMAPABLE) !== 0);
  if (bad) return -EINVAL;
  return params.valueSize > KMALLOC_MAX_SIZE ? -E2BIG : 0;
}

/** How an array is laid out, where it differs from one shared value per element. */
export interface ArrayShape {
  /** A value for each CPU. */
  readonly percpu?: boolean;
}

/** Charges for and allocates an array. `make` builds the object, where a type keeps more than {@link ArrayMap} does. */
export function allocArray<M extends ArrayMap = ArrayMap>(
  params: MapParams,
  kernel: KernelServices,
  def: MapTypeDef<M>,
  shape: ArrayShape & { make?: (init: ArrayInit) => M | undefined } = {},
): M | Errno {
  const { cpus } = kernel.env;
  const unprivArray = !kernel.env.capable(CAP_SYS_ADMIN);
  const slots = unprivArray ? roundUpPow2(params.maxEntries) : params.maxEntries;
  if (slots > 0xffffffff) return -E2BIG;
  const valueStride = roundUp8(params.valueSize);
  const mmapable = (params.flags & BPF_F_MMAPABLE) !== 0;
  let costBytes = ARRAY_STRUCT_SIZE + slots * valueStride;
  if (shape.percpu === true) costBytes = ARRAY_STRUCT_SIZE + slots * 8 + params.maxEntries * valueStride * cpus;
  if (mmapable) costBytes = pageAlign(ARRAY_STRUCT_SIZE) + pageAlign(slots * valueStride);

  return chargeAndAlloc(kernel, costBytes, () => {
    if (shape.percpu === true && valueStride > PERCPU_MAX_SIZE) return undefined;
    const valueOff = arrayValueOff(kernel.types);
    const stride = shape.percpu === true ? valueStride * cpus : valueStride;
    const lead = mmapable ? PAGE_SIZE : valueOff;
    const dataBytes = mmapable ? pageAlign(slots * stride) : slots * stride;
    const regionOff = kernel.mem.alloc(lead + dataBytes, {
      align: mmapable ? PAGE_SIZE : 8,
      kind: 'map',
      name: def.name,
      writable: (params.flags & BPF_F_RDONLY_PROG) === 0,
    });
    if (regionOff === 0) return undefined;
    const dataOff = regionOff + lead;
    const make = shape.make ?? ((init: ArrayInit) => new ArrayMap(init) as M);
    const map = make({
      def,
      kernel,
      params,
      off: dataOff - valueOff,
      regionOff,
      costBytes,
      syscallValueSize: shape.percpu === true ? stride : params.valueSize,
      dataOff,
      stride,
      cpuStride: shape.percpu === true ? valueStride : 0,
      unprivArray,
    });
    if (map === undefined) kernel.mem.free(regionOff);
    return map;
  });
}

/** Offset of the element a key names; 0 beyond the end. */
export function arrayElem(map: ArrayMap, keyOff: number): number {
  const index = map.mem.read32(keyOff);
  return index < map.maxEntries ? map.dataOff + index * map.stride : 0;
}

/** Indices in order; anything that is none leads to the first. @see array_map_get_next_key */
export function arrayNextKey(map: BpfMap, keyOff: number, nextOff: number): Errno {
  const { mem } = map.kernel;
  const index = keyOff === 0 ? 0xffffffff : mem.read32(keyOff);
  if (index === map.maxEntries - 1) return -ENOENT;
  mem.write32(nextOff, index >= map.maxEntries ? 0 : index + 1);
  return 0;
}

/** Elements of arrays cannot be deleted. */
export function arrayDelete(): Errno {
  return -EINVAL;
}

/**
 * Keys are 32-bit integers; a map of one element that is a whole data section has no key type.
 * @see array_map_check_btf
 */
export function arrayCheckBtf(
  map: BpfMap,
  { btf, keyTypeId, valueTypeId }: { btf: KernelBtf; keyTypeId: number; valueTypeId: number },
): Errno {
  const model = btf.btf;
  if (keyTypeId === 0) {
    const isSection = model.type(model.skipModifiers(valueTypeId)).kind === BTF_KIND_DATASEC;
    return map.type === BPF_MAP_TYPE_ARRAY && map.maxEntries === 1 && isSection ? 0 : -EINVAL;
  }
  const key = model.type(model.skipModifiers(keyTypeId));
  return key.kind === BTF_KIND_INT && key.bits === 32 && key.bitOffset === 0 ? 0 : -EINVAL;
}

/** A BpfMap's own release, for types that hold nothing. */
export function freeArray(map: ArrayMap): void {
  map.release();
}
