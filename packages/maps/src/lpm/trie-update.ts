// SPDX-License-Identifier: MIT
// Changing a trie. @see kernel/bpf/lpm_trie.c, trie_update_elem, trie_delete_elem
import { BPF_EXIST, BPF_NOEXIST, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC } from '@tsbpf/uapi';
import type { Errno } from '@tsbpf/core';
import { copyBytes } from '../object/copy.ts';
import { KEY_DATA, NODE, type TrieMap } from './trie-map.ts';
import { bitAt, childSlot, descend, isFork, prefixLenOf } from './trie-walk.ts';

/** A node without children; 0 when memory is exhausted. */
function newNode(map: TrieMap, prefixLen: number, dataOff: number, fork: boolean): number {
  const node = map.pool.alloc();
  if (node === 0) return 0;
  const { mem } = map;
  mem.write32(node + NODE.child0, 0);
  mem.write32(node + NODE.child1, 0);
  mem.write32(node + NODE.prefixLen, prefixLen);
  mem.write32(node + NODE.fork, fork ? 1 : 0);
  copyBytes(mem, node + NODE.data, dataOff, map.dataSize);
  return node;
}

/** Whether the flags allow what is about to happen, and there is room. `present`: the prefix has a value. */
function updateError(map: TrieMap, flags: number, present: boolean): Errno {
  const full = map.entries === map.maxEntries;
  if (!map.rules.has('lpm-ignores-presence')) {
    if (present && flags === BPF_NOEXIST) return -EEXIST;
    if (!present && flags === BPF_EXIST) return -ENOENT;
  }
  return full && (!present || map.rules.has('lpm-replace-needs-room')) ? -ENOSPC : 0;
}

/** Inserts a prefix, or replaces the node that has it: who holds the old value keeps seeing it. */
export function trieUpdate(map: TrieMap, keyOff: number, valueOff: number, flags: number): Errno {
  if (flags > BPF_EXIST) return -EINVAL;
  const { mem } = map;
  const keyLen = mem.read32(keyOff);
  if (keyLen > map.maxPrefixLen) return -EINVAL;
  const { node, bits, slots } = descend(map, keyOff);
  const same = node !== 0 && prefixLenOf(map, node) === bits;
  const replaces = same && !isFork(map, node);
  const err = updateError(map, flags, replaces);
  if (err < 0) return err;
  const keyData = keyOff + KEY_DATA;
  const added = newNode(map, keyLen, keyData, false);
  if (added === 0) return -ENOMEM;
  copyBytes(mem, added + map.valueAt, valueOff, map.valueSize);
  const slot = slots[slots.length - 1];

  if (node === 0) mem.write32(slot, added);
  else if (same) {
    mem.write32(added + NODE.child0, mem.read32(node + NODE.child0));
    mem.write32(added + NODE.child1, mem.read32(node + NODE.child1));
    mem.write32(slot, added);
    map.pool.freeLater(node);
  } else if (bits === keyLen) {
    // The new prefix contains the node's.
    mem.write32(childSlot(added, bitAt(map, node + NODE.data, bits)), node);
    mem.write32(slot, added);
  } else {
    const fork = newNode(map, bits, node + NODE.data, true);
    if (fork === 0) {
      map.pool.freeNow(added);
      return -ENOMEM;
    }
    const bit = bitAt(map, keyData, bits);
    mem.write32(childSlot(fork, bit), added);
    mem.write32(childSlot(fork, bit === 0 ? 1 : 0), node);
    mem.write32(slot, fork);
  }
  if (!replaces) map.entries++;
  return 0;
}

/** Removes exactly this prefix, and the fork above it where only one branch is left. */
export function trieDelete(map: TrieMap, keyOff: number): Errno {
  const { mem } = map;
  const keyLen = mem.read32(keyOff);
  if (keyLen > map.maxPrefixLen) return -EINVAL;
  const { node, bits, slots } = descend(map, keyOff);
  if (node === 0 || bits !== keyLen || prefixLenOf(map, node) !== keyLen || isFork(map, node)) return -ENOENT;
  map.entries--;
  const left = mem.read32(node + NODE.child0);
  const right = mem.read32(node + NODE.child1);
  if (left !== 0 && right !== 0) {
    mem.write32(node + NODE.fork, 1);
    return 0;
  }
  const slot = slots[slots.length - 1];
  const parentSlot = slots.length > 1 ? slots[slots.length - 2] : 0;
  const parent = parentSlot === 0 ? 0 : mem.read32(parentSlot);
  if (parent !== 0 && isFork(map, parent) && left === 0 && right === 0) {
    const sibling = slot === parent + NODE.child0 ? NODE.child1 : NODE.child0;
    mem.write32(parentSlot, mem.read32(parent + sibling));
    map.pool.freeLater(parent);
  } else mem.write32(slot, left !== 0 ? left : right);
  map.pool.freeLater(node);
  return 0;
}
