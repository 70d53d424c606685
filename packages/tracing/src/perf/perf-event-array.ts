// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_PERF_EVENT_ARRAY. @see kernel/bpf/arraymap.c, perf_event_array_map_ops
import { BPF_MAP_TYPE_PERF_EVENT_ARRAY, EBADF } from '@tsbpf/uapi';
import { defineMapType, type MapTypeDef } from '@tsbpf/core';
import type { PerfEventMap } from '@tsbpf/helpers';
import {
  ArrayMap,
  allocArray,
  arrayNextKey,
  pointedTo,
  pointerArrayAllocCheck,
  pointerClear,
  pointerDelete,
  pointerUpdate,
  type PointerHooks,
} from '@tsbpf/maps';
import { tracingOf } from '../tracing.ts';
import type { PerfEvent } from './perf-event.ts';

/** An array of perf events; each slot remembers the map's file it was filled through. */
export class PerfEventArrayMap extends ArrayMap implements PerfEventMap {
  /** By index. */
  readonly files: (object | undefined)[] = [];

  eventAt(index: number): PerfEvent | undefined {
    return pointedTo<PerfEvent>(this, this.dataOff + index * this.stride, 'perf_event');
  }
}

const events: PointerHooks<PerfEvent, PerfEventArrayMap> = {
  kind: 'perf_event',
  get(map, fd) {
    const file = map.kernel.fds.get(fd, 'perf_event');
    if (typeof file === 'number') return -EBADF;
    tracingOf(map.kernel).hold(file.event);
    return file.event;
  },
  put: (map, event) => tracingOf(map.kernel).drop(event),
};

/** Events for programs' samples and counters, one for each CPU as a rule. */
export const perfEventArrayMapType: MapTypeDef<PerfEventArrayMap> = defineMapType<PerfEventArrayMap>({
  type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  name: 'perf_event_array',
  since: '4.3',
  kernelStruct: 'bpf_array',
  onlyHelpers: ['perf_event_read', 'perf_event_output', 'skb_output', 'perf_event_read_value'],
  fdValues: true,
  noBtf: true,
  allocCheck: pointerArrayAllocCheck,
  alloc: (params, kernel) =>
    allocArray(params, kernel, perfEventArrayMapType, { make: (init) => new PerfEventArrayMap(init) }),
  opSymbols: { lookup: 'fd_array_map_lookup_elem', delete: 'fd_array_map_delete_elem' },
  ops: {
    sysUpdate(map, keyOff, valueOff, flags, file) {
      const err = pointerUpdate(map, keyOff, valueOff, flags, events);
      if (err === 0) map.files[map.mem.read32(keyOff)] = file;
      return err;
    },
    sysDelete: (map, keyOff) => pointerDelete(map, keyOff, events),
    getNextKey: arrayNextKey,
    fileReleased(map, file) {
      map.files.forEach((through, index) => {
        if (through !== file) return;
        const event = map.eventAt(index);
        map.files[index] = undefined;
        if (event === undefined) return;
        map.mem.write64(map.dataOff + index * map.stride, 0n);
        events.put(map, event);
      });
    },
    free(map) {
      pointerClear(map, events);
      map.release();
    },
  },
});
