// SPDX-License-Identifier: MIT
// What a test of this repository compares with a real kernel (`*.root.test.ts`).

/** Program types whose test runs are compared, packet by packet. */
export const COMPARED_PROGS: readonly string[] = ['xdp', 'sched_cls', 'socket_filter'];

/** Map types whose operations are compared. @see packages/maps/src, the root tests */
export const COMPARED_MAPS: readonly string[] = [
  'hash',
  'array',
  'prog_array',
  'percpu_hash',
  'percpu_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'array_of_maps',
  'hash_of_maps',
  'queue',
  'stack',
  'devmap',
  'devmap_hash',
  'cpumap',
  'xskmap',
  'sockmap',
  'sockhash',
  'reuseport_sockarray',
  'sk_storage',
];

/** Helpers whose results are compared. */
export const COMPARED_HELPERS: readonly string[] = [
  'map_lookup_elem',
  'map_update_elem',
  'map_delete_elem',
  'map_push_elem',
  'map_pop_elem',
  'map_peek_elem',
  'strtol',
  'strtoul',
  'xdp_adjust_head',
  'xdp_adjust_tail',
  'xdp_adjust_meta',
  'sk_storage_get',
  'sk_storage_delete',
];
