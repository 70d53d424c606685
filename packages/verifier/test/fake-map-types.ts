// SPDX-License-Identifier: MIT
// Facts of map types, for tests that have no maps.
import type { MapTypeFacts } from '@tsbpf/core';
import { BPF_MAP_TYPE_NAMES, EINVAL } from '@tsbpf/uapi';

const ENOTSUPP = 524;

const ONLY: Readonly<Record<string, readonly string[]>> = {
  PROG_ARRAY: ['tail_call'],
  PERF_EVENT_ARRAY: ['perf_event_read', 'perf_event_output', 'skb_output', 'perf_event_read_value'],
  STACK_TRACE: ['get_stackid'],
  CGROUP_ARRAY: ['skb_under_cgroup', 'current_task_under_cgroup'],
  CGROUP_STORAGE: ['get_local_storage'],
  PERCPU_CGROUP_STORAGE: ['get_local_storage'],
  DEVMAP: ['redirect_map', 'map_lookup_elem'],
  DEVMAP_HASH: ['redirect_map', 'map_lookup_elem'],
  CPUMAP: ['redirect_map'],
  XSKMAP: ['redirect_map', 'map_lookup_elem'],
  ARRAY_OF_MAPS: ['map_lookup_elem'],
  HASH_OF_MAPS: ['map_lookup_elem'],
  SOCKMAP: ['sk_redirect_map', 'sock_map_update', 'map_delete_elem', 'msg_redirect_map'],
  SOCKHASH: ['sk_redirect_hash', 'sock_hash_update', 'map_delete_elem', 'msg_redirect_hash'],
  REUSEPORT_SOCKARRAY: ['sk_select_reuseport'],
  QUEUE: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'],
  STACK: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'],
  SK_STORAGE: ['sk_storage_get', 'sk_storage_delete'],
};

/** What the verifier needs of a map type. Arrays of one element can be pointed into, at 256 bytes behind their address. */
export function fakeMapType(type: number): MapTypeFacts {
  const name = (BPF_MAP_TYPE_NAMES[type] ?? '').replace('BPF_MAP_TYPE_', '');
  return {
    type,
    name: name.toLowerCase(),
    onlyHelpers: ONLY[name],
    hashed: name.includes('HASH'),
    lookupResult: name === 'XSKMAP' ? 'xdpSock' : name.endsWith('OF_MAPS') ? 'innerMap' : 'value',
    ...(name === 'ARRAY'
      ? {
          directValue: (map, off) => {
            if (map.maxEntries !== 1) return -ENOTSUPP;
            return off >= map.valueSize ? -EINVAL : map.addr + 0x100n + BigInt(off);
          },
        }
      : {}),
  };
}
