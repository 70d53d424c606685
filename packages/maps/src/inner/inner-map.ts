// SPDX-License-Identifier: MIT
// What maps in maps share: the template of inner maps, and which maps match it. @see kernel/bpf/map_in_map.c
import { BPF_MAP_TYPE_ARRAY, EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import type { BpfMap, Errno, KernelServices } from '@tsbpf/core';
import { mapRule } from '../object/rules.ts';

/** Properties that inner maps must have; it has no contents, and no place in memory. */
export interface InnerTemplate extends BpfMap {
  /** As of arrays: programs mask indices. */
  readonly unprivArray: boolean;
}

/**
 * The template taken from the map behind an fd.
 * @errno EBADF, EINVAL the fd is not a map's
 * @errno ENOTSUPP a type that cannot be an inner map, or values with a spin lock
 * @errno EINVAL a map in a map in a map
 */
export function innerTemplate(kernel: KernelServices, fd: number): InnerTemplate | Errno {
  const file = kernel.fds.get(fd, 'map');
  if (typeof file === 'number') return file;
  const { map } = file;
  if (map.def.noInner === true) return -ENOTSUPP;
  if (map.innerMap !== undefined) return -EINVAL;
  if (map.spinLockOff >= 0) return -ENOTSUPP;
  return {
    kind: 'map',
    off: 0,
    addr: 0n,
    id: 0,
    name: '',
    def: map.def,
    kernel,
    type: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags,
    numaNode: map.numaNode,
    spinLockOff: map.spinLockOff,
    syscallValueSize: map.syscallValueSize,
    unprivArray: (map as Partial<InnerTemplate>).unprivArray === true,
    btf: undefined,
    btfKeyTypeId: 0,
    btfValueTypeId: 0,
    btfVmlinuxValueTypeId: 0,
    innerMap: undefined,
    frozen: false,
    pages: 0,
    writeCount: 0,
    refs: 0,
    userRefs: 0,
  };
}

/** Whether a map may stand where the template was announced. @see bpf_map_meta_equal */
export function matchesTemplate(template: BpfMap, map: BpfMap): boolean {
  const { metaEqual } = map.def.ops;
  if (metaEqual !== undefined) return metaEqual(template, map);
  return (
    template.type === map.type &&
    template.keySize === map.keySize &&
    template.valueSize === map.valueSize &&
    template.flags === map.flags &&
    (template.maxEntries === map.maxEntries ||
      (map.type !== BPF_MAP_TYPE_ARRAY && !mapRule(map.kernel.version, 'inner-max-entries-equal')))
  );
}

/** The map behind an fd with a reference of its own (not a user's), where it matches the outer map's template. */
export function getInnerMap(outer: BpfMap, fd: number): BpfMap | Errno {
  const file = outer.kernel.fds.get(fd, 'map');
  if (typeof file === 'number') return file;
  if (outer.innerMap === undefined || !matchesTemplate(outer.innerMap, file.map)) return -EINVAL;
  outer.kernel.mapGet(file.map);
  return file.map;
}
