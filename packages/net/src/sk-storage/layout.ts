// SPDX-License-Identifier: MIT
// What programs store with sockets lies in kernel memory: a structure for each socket that has any, and an element for
// each value. Offsets are those of v5.6 on a 64-bit machine. @see net/core/bpf_sk_storage.c

/** Values a socket finds without walking its list. */
export const CACHE_SLOTS = 16;

/** `struct bpf_sk_storage`: the cache, the list of elements, the socket. */
export const STORAGE = { cache: 0, list: 128, sk: 136, size: 168 } as const;

/** `struct bpf_sk_storage_elem`: links of the map's and of the socket's list, the storage, the map, the value. */
export const ELEM = { inMap: 0, inSk: 16, storage: 32, map: 64, data: 72 } as const;

/** `sizeof(struct bpf_sk_storage_elem)`, which is charged for together with the value. */
export const ELEM_STRUCT_SIZE = 128;
