// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK. @see kernel/bpf/queue_stack_maps.c, queue_map_ops, stack_map_ops
import { BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_STACK, EINVAL } from '@tsbpf/uapi';
import { defineMapType, type Errno, type MapTypeDef } from '@tsbpf/core';
import { allocQueue, queueAllocCheck, queuePush, readNewest, readOldest, type QueueMap } from './queue-map.ts';

type Read = (map: QueueMap, valueOff: number, options: { remove: boolean }) => Errno;

function queueType(row: { type: number; name: string; read: Read }): MapTypeDef<QueueMap> {
  const { read } = row;
  const def: MapTypeDef<QueueMap> = defineMapType<QueueMap>({
    type: row.type,
    name: row.name,
    since: '4.20',
    kernelStruct: 'bpf_queue_stack',
    onlyHelpers: ['map_push_elem', 'map_pop_elem', 'map_peek_elem'],
    allocCheck: queueAllocCheck,
    alloc: (params, kernel) => allocQueue(params, kernel, def),
    opSymbols: {
      lookup: 'queue_stack_map_lookup_elem',
      update: 'queue_stack_map_update_elem',
      delete: 'queue_stack_map_delete_elem',
      push: 'queue_stack_map_push_elem',
      pop: `${row.name}_map_pop_elem`,
      peek: `${row.name}_map_peek_elem`,
    },
    ops: {
      push: queuePush,
      pop: (map, valueOff) => read(map, valueOff, { remove: true }),
      peek: (map, valueOff) => read(map, valueOff, { remove: false }),
      sysLookup: (map, _keyOff, valueOff) => read(map, valueOff, { remove: false }),
      sysUpdate: (map, _keyOff, valueOff, flags) => queuePush(map, valueOff, flags),
      sysDelete: () => -EINVAL,
      sysLookupAndDelete: (map, _keyOff, valueOff) => read(map, valueOff, { remove: true }),
      getNextKey: () => -EINVAL,
      free: (map) => map.release(),
    },
  });
  return def;
}

/** First in, first out. */
export const queueMapType: MapTypeDef<QueueMap> = queueType({
  type: BPF_MAP_TYPE_QUEUE,
  name: 'queue',
  read: readOldest,
});

/** Last in, first out. */
export const stackMapType: MapTypeDef<QueueMap> = queueType({
  type: BPF_MAP_TYPE_STACK,
  name: 'stack',
  read: readNewest,
});
