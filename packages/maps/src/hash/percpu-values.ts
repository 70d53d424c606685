// SPDX-License-Identifier: MIT
// Hash elements with a value for each CPU, one behind the other. @see kernel/bpf/hashtab.c, pcpu_copy_value
import { ENOENT } from '@tsbpf/uapi';
import type { Errno } from '@tsbpf/core';
import { copyBytes } from '../object/copy.ts';
import { lookupElem } from './htab-elem.ts';
import type { HtabMap } from './htab-map.ts';

/** Whose values an update writes: programs' of the CPU they run on, system calls' of all. */
export type CpuScope = 'this' | 'all';

export function writeCpuValues(map: HtabMap, elem: number, valueOff: number, scope: CpuScope): void {
  if (scope === 'all') copyBytes(map.mem, elem + map.valueAt, valueOff, map.syscallValueSize);
  else copyBytes(map.mem, thisCpuValue(map, elem), valueOff, map.valueSize);
}

/** The value of the CPU that runs. */
export function thisCpuValue(map: HtabMap, elem: number): number {
  return elem + map.valueAt + map.kernel.env.cpu * map.valueStride;
}

/** All CPUs' values, the padding between them included. */
export function readCpuValues(map: HtabMap, dst: number, elem: number): void {
  copyBytes(map.mem, dst, elem + map.valueAt, map.syscallValueSize);
}

/** A lookup by a system call: not a use, as far as the LRU is concerned. */
export function sysLookupCpuValues(map: HtabMap, keyOff: number, valueOff: number): Errno {
  const elem = lookupElem(map, keyOff);
  if (elem === 0) return -ENOENT;
  readCpuValues(map, valueOff, elem);
  return 0;
}
