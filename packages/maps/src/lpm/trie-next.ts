// SPDX-License-Identifier: MIT
// Iteration in post-order: more specific prefixes before those that contain them. @see trie_get_next_key
import { ENOENT } from '@tsbpf/uapi';
import type { Errno } from '@tsbpf/core';
import { copyBytes } from '../object/copy.ts';
import { KEY_DATA, NODE, type TrieMap } from './trie-map.ts';
import { descend, isFork, prefixLenOf } from './trie-walk.ts';

/** The first prefix in post-order below and including a node. Forks have both children. */
function first(map: TrieMap, from: number): number {
  const { mem } = map;
  const leftOnly = map.rules.has('lpm-next-key-left-only');
  let found = 0;
  for (let node = from; node !== 0;) {
    const left = mem.read32(node + NODE.child0);
    if (isFork(map, node)) node = left;
    else {
      found = node;
      node = left !== 0 || leftOnly ? left : mem.read32(node + NODE.child1);
    }
  }
  return found;
}

/** The node after the one whose offset the last of `slots` holds; 0 at the end. */
function after(map: TrieMap, slots: readonly number[]): number {
  const { mem } = map;
  for (let i = slots.length - 1; i > 0; i--) {
    const parent = mem.read32(slots[i - 1]);
    const right = mem.read32(parent + NODE.child1);
    if (slots[i] === parent + NODE.child0 && right !== 0) return first(map, right);
    if (!isFork(map, parent)) return parent;
  }
  return 0;
}

/** A key that is not there leads to the first prefix. */
export function trieNextKey(map: TrieMap, keyOff: number, nextOff: number): Errno {
  const { mem } = map;
  const root = mem.read32(map.rootSlot);
  if (root === 0) return -ENOENT;
  const keyLen = keyOff === 0 ? 0 : mem.read32(keyOff);
  let next: number;
  if (keyOff === 0 || keyLen > map.maxPrefixLen) next = first(map, root);
  else {
    const { node, bits, slots } = descend(map, keyOff);
    const exact = bits === keyLen || map.rules.has('lpm-next-key-ignores-data');
    const found = node !== 0 && prefixLenOf(map, node) === keyLen && exact && !isFork(map, node);
    next = found ? after(map, slots) : first(map, root);
  }
  if (next === 0) return -ENOENT;
  mem.write32(nextOff, prefixLenOf(map, next));
  copyBytes(mem, nextOff + KEY_DATA, next + NODE.data, map.dataSize);
  return 0;
}
