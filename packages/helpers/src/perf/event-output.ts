// SPDX-License-Identifier: MIT
// Samples from programs to user space. The helper has a variant for each kind of context; what they share is here.
import { BPF_F_CURRENT_CPU, E2BIG, EINVAL, ENOENT, EOPNOTSUPP } from '@tsbpf/uapi';
import type { BpfMap, KernelObject, KernelServices } from '@tsbpf/core';

/** A perf event, as helpers see it. */
export interface PerfEventTarget extends KernelObject {
  readonly kind: 'perf_event';
  /** The software event for samples of programs. */
  readonly bpfOutput: boolean;
  /** The CPU it is active on; -1 for none. */
  readonly onCpu: number;
  /** Takes a sample of raw data; 0, or -ENOSPC where the ring is full. */
  output(raw: Uint8Array): number;
}

/** A map of perf events. */
export interface PerfEventMap extends BpfMap {
  /** The event in a slot below `maxEntries`; undefined for an empty one. */
  eventAt(index: number): PerfEventTarget | undefined;
}

/** Lets a helper find the slot it was told: the index in `flags`, or that of the current CPU. */
export function eventSlot(kernel: KernelServices, map: PerfEventMap, flags: bigint): PerfEventTarget | number {
  const low = flags & BPF_F_CURRENT_CPU;
  const index = low === BPF_F_CURRENT_CPU ? kernel.env.cpu : Number(low);
  if (index >= map.maxEntries) return -E2BIG;
  return map.eventAt(index) ?? -ENOENT;
}

/**
 * Hands raw data to the event in the slot that `flags` names.
 * @errno E2BIG the index; ENOENT an empty slot; EINVAL not an event for output; EOPNOTSUPP of another CPU; ENOSPC
 * @see kernel/trace/bpf_trace.c, __bpf_perf_event_output
 */
export function eventOutput(kernel: KernelServices, map: PerfEventMap, flags: bigint, raw: Uint8Array): number {
  const event = eventSlot(kernel, map, flags);
  if (typeof event === 'number') return event;
  if (!event.bpfOutput) return -EINVAL;
  return event.onCpu === kernel.env.cpu ? event.output(raw) : -EOPNOTSUPP;
}
