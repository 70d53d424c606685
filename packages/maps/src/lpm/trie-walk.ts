// SPDX-License-Identifier: MIT
// Reading a trie: bits, matching, lookup. Bits are numbered from the most significant of the first byte.
import { KEY_DATA, NODE, type TrieMap } from './trie-map.ts';

/** The bit at `index` of the bytes at `dataOff`. */
export function bitAt(map: TrieMap, dataOff: number, index: number): 0 | 1 {
  const byte = map.mem.u8[(dataOff >>> 0) + (index >>> 3)];
  return ((byte >>> (7 - (index & 7))) & 1) === 0 ? 0 : 1;
}

/** Where a node keeps the offset of a child. */
export function childSlot(node: number, bit: 0 | 1): number {
  return node + (bit === 0 ? NODE.child0 : NODE.child1);
}

export const prefixLenOf = (map: TrieMap, node: number): number => map.mem.read32(node + NODE.prefixLen);
export const isFork = (map: TrieMap, node: number): boolean => map.mem.read32(node + NODE.fork) !== 0;

/** Leading bits that the node's prefix and the key's have in common. */
export function commonBits(map: TrieMap, node: number, keyOff: number): number {
  const { mem } = map;
  const limit = Math.min(mem.read32(node + NODE.prefixLen), mem.read32(keyOff));
  const { u8 } = mem;
  const a = node + NODE.data;
  const b = (keyOff >>> 0) + KEY_DATA;
  for (let i = 0; i * 8 < limit; i++) {
    const diff = u8[a + i] ^ u8[b + i];
    if (diff !== 0) return Math.min(limit, i * 8 + Math.clz32(diff) - 24);
  }
  return limit;
}

/** The node of the longest prefix that contains the key; 0 where there is none. */
export function longestMatch(map: TrieMap, keyOff: number): number {
  const { mem } = map;
  if (mem.read32(keyOff) > map.maxPrefixLen && !map.rules.has('lpm-lookup-long-prefix')) return 0;
  let found = 0;
  for (let node = mem.read32(map.rootSlot); node !== 0;) {
    const bits = commonBits(map, node, keyOff);
    if (bits === map.maxPrefixLen) return node;
    const prefixLen = prefixLenOf(map, node);
    if (bits < prefixLen) break;
    if (!isFork(map, node)) found = node;
    node = mem.read32(childSlot(node, bitAt(map, keyOff + KEY_DATA, prefixLen)));
  }
  return found;
}

/** Where a search for exactly this prefix ends. */
export interface TriePath {
  /** The node at which the search ended; 0 for an empty slot. */
  readonly node: number;
  /** Bits that the node shares with the key. */
  readonly bits: number;
  /** Memory words that hold the offsets of the nodes passed, the root's first, that of `node` last. */
  readonly slots: readonly number[];
}

/** Follows the key down to a node that diverges from it, has its length, or is the end of its branch. */
export function descend(map: TrieMap, keyOff: number): TriePath {
  const { mem } = map;
  const keyLen = mem.read32(keyOff);
  const slots = [map.rootSlot];
  for (;;) {
    const slot = slots[slots.length - 1];
    const node = mem.read32(slot);
    if (node === 0) return { node, bits: 0, slots };
    const bits = commonBits(map, node, keyOff);
    const prefixLen = prefixLenOf(map, node);
    if (prefixLen !== bits || prefixLen === keyLen || prefixLen === map.maxPrefixLen) return { node, bits, slots };
    slots.push(childSlot(node, bitAt(map, keyOff + KEY_DATA, prefixLen)));
  }
}
