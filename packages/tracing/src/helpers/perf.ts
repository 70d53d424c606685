// SPDX-License-Identifier: MIT
// @see kernel/trace/bpf_trace.c
import { BPF_F_INDEX_MASK, EINVAL } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperImpl, type HelperRow } from '@tsbpf/core';
import { eventOutput, eventSlot, mapArg, returnWords, wideArg } from '@tsbpf/helpers';
import { PerfEvent } from '../perf/perf-event.ts';
import type { PerfEventArrayMap } from '../perf/perf-event-array.ts';

/** The verifier lets only such maps through. */
const eventMap = (call: HelperCall, arg: number): PerfEventArrayMap => mapArg(call, arg) as PerfEventArrayMap;

/** (ctx, map, flags, data, size), of which the flags may only name a slot. */
const output: HelperImpl = {
  retWidth: 'sext',
  wideArgs: [3],
  call(call, _ctx, map, low, data, size) {
    const flags = wideArg(call, 3, low);
    if ((flags & ~BPF_F_INDEX_MASK) !== 0n) return -EINVAL;
    return eventOutput(call.kernel, eventMap(call, map), flags, call.kernel.mem.readBytes(data, size));
  },
};

/** The event whose counter is asked for; -errno. Those of another CPU cannot be read. */
function readable(call: HelperCall, map: number, flags: bigint): PerfEvent | number {
  if ((flags & ~BPF_F_INDEX_MASK) !== 0n) return -EINVAL;
  const event = eventSlot(call.kernel, eventMap(call, map), flags);
  if (!(event instanceof PerfEvent)) return typeof event === 'number' ? event : -EINVAL;
  return event.onCpu === call.kernel.env.cpu ? event : -EINVAL;
}

/** `struct bpf_perf_event_value`: counter, enabled, running. */
const VALUE_BYTES = 24;

function writeValue(call: HelperCall, event: PerfEvent | number, buf: number, size: number): number {
  const { mem } = call.kernel;
  if (size !== VALUE_BYTES || typeof event === 'number') {
    mem.fill(buf, size, 0);
    return typeof event === 'number' && size === VALUE_BYTES ? event : -EINVAL;
  }
  const enabledNs = event.enabledNs;
  [event.counter, enabledNs, enabledNs].forEach((value, i) => mem.write64((buf >>> 0) + 8 * i, value));
  return 0;
}

/** Perf events: samples out, counters in. */
export const perfHelpers: readonly HelperRow[] = [
  defineHelper('bpf_perf_event_output', output),
  defineHelper('bpf_perf_event_output_proto_tp', output),
  defineHelper('bpf_perf_event_output_proto_raw_tp', output),
  defineHelper('bpf_sockopt_event_output', output),
  defineHelper('bpf_perf_event_read', {
    retWidth: 'words',
    wideArgs: [2],
    call(call, map, low) {
      const event = readable(call, map, wideArg(call, 2, low));
      return returnWords(call, typeof event === 'number' ? BigInt(event) : event.counter);
    },
  }),
  defineHelper('bpf_perf_event_read_value', {
    retWidth: 'sext',
    wideArgs: [2],
    call: (call, map, low, buf, size) => writeValue(call, readable(call, map, wideArg(call, 2, low)), buf, size),
  }),
  defineHelper('bpf_perf_prog_read_value', {
    retWidth: 'sext',
    call(call, ctx, buf, size) {
      const { mem, types, objects } = call.kernel;
      const off = mem.toOff(mem.read64((ctx >>> 0) + types.resolve('bpf_perf_event_data_kern.event').off));
      return writeValue(call, objects.get<PerfEvent>(off, 'perf_event') ?? -EINVAL, buf, size);
    },
  }),
];
