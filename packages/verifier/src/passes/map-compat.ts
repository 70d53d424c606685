// SPDX-License-Identifier: MIT
import {
  BPF_F_NO_PREALLOC,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_STRUCT_OPS,
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_PERF_EVENT,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_TRACEPOINT,
  EINVAL,
} from '@tsbpf/uapi';
import type { MapFacts } from '@tsbpf/core';
import { refuse } from '../refuse.ts';
import type { Verification } from '../verification.ts';

/** Types that may run in any context, even inside the map code's own locks. */
const ANY_CONTEXT_TYPES: readonly number[] = [
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_TRACEPOINT,
  BPF_PROG_TYPE_PERF_EVENT,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
];

function allocatesAtRunTime(map: MapFacts): boolean {
  return map.def.hashed === true && (map.flags & BPF_F_NO_PREALLOC) !== 0;
}

/**
 * Whether a program of this type may refer to a map at all.
 * @errno EINVAL
 * @see kernel/bpf/verifier.c, check_map_prog_compatibility
 */
export function checkMapForProg(v: Verification, map: MapFacts): void {
  const { type } = v.prog;
  if (type === BPF_PROG_TYPE_PERF_EVENT) {
    if (allocatesAtRunTime(map)) refuse(v, EINVAL, 'perf_event programs can only use preallocated hash map\n');
    if (map.innerMap !== undefined && allocatesAtRunTime(map.innerMap)) {
      refuse(v, EINVAL, 'perf_event programs can only use preallocated inner hash map\n');
    }
  }
  if ((ANY_CONTEXT_TYPES.includes(type) || type === BPF_PROG_TYPE_SOCKET_FILTER) && map.spinLockOff >= 0) {
    refuse(v, EINVAL, 'tracing progs cannot use bpf_spin_lock yet\n');
  }
  if (v.prog.devBound && map.type !== BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
    refuse(v, EINVAL, 'offload device mismatch between prog and map\n');
  }
  if (map.type === BPF_MAP_TYPE_STRUCT_OPS) refuse(v, EINVAL, 'bpf_struct_ops map cannot be used in prog\n');
}
