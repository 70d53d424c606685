// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_LPM_TRIE. @see kernel/bpf/lpm_trie.c, trie_map_ops
import { BPF_MAP_TYPE_LPM_TRIE, EINVAL, ENOENT } from '@tsbpf/uapi';
import { BTF_KIND_STRUCT } from '@tsbpf/btf';
import { defineMapType, type MapTypeDef } from '@tsbpf/core';
import { emitLpmLookup } from '../emit/lpm.ts';
import { copyBytes } from '../object/copy.ts';
import { allocTrie, trieAllocCheck, type TrieMap } from './trie-map.ts';
import { trieNextKey } from './trie-next.ts';
import { trieDelete, trieUpdate } from './trie-update.ts';
import { longestMatch } from './trie-walk.ts';

export const lpmTrieMapType: MapTypeDef<TrieMap> = defineMapType<TrieMap>({
  type: BPF_MAP_TYPE_LPM_TRIE,
  name: 'lpm_trie',
  since: '4.11',
  kernelStruct: 'lpm_trie',
  allocCheck: trieAllocCheck,
  alloc: (params, kernel) => allocTrie(params, kernel, lpmTrieMapType),
  opSymbols: { lookup: 'trie_lookup_elem', update: 'trie_update_elem', delete: 'trie_delete_elem' },
  ops: {
    lookup(map, keyOff) {
      const node = longestMatch(map, keyOff);
      return node === 0 ? 0 : node + map.valueAt;
    },
    update: trieUpdate,
    delete: trieDelete,
    sysLookup(map, keyOff, valueOff) {
      const node = longestMatch(map, keyOff);
      if (node === 0) return -ENOENT;
      copyBytes(map.mem, valueOff, node + map.valueAt, map.valueSize);
      return 0;
    },
    sysUpdate: trieUpdate,
    sysDelete: trieDelete,
    getNextKey: trieNextKey,
    // The key is a struct bpf_lpm_trie_key, however it is named.
    checkBtf: (_map, { btf, keyTypeId }) =>
      keyTypeId !== 0 && btf.btf.type(btf.btf.skipModifiers(keyTypeId)).kind === BTF_KIND_STRUCT ? 0 : -EINVAL,
    emitWasm: emitLpmLookup,
    free: (map) => map.release(),
  },
});
