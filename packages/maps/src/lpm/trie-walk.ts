// SPDX-License-Identifier: MIT
// Reading a trie: bits, matching, lookup. Bits are numbered from the most significant of the first byte.
import { KEY_DATA, NODE, type TrieMap } from './trie-map.ts';

const WORD = 4;

// Own constants: V8 loads those of other modules wherever they are used. Words of a node; bytes to its data and a key's.
const CHILD0 = NODE.child0 >>> 2;
const CHILD1 = NODE.child1 >>> 2;
const PREFIX_LEN = NODE.prefixLen >>> 2;
const FORK = NODE.fork >>> 2;
const DATA = NODE.data;
const KEY_AT = KEY_DATA;

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

/** Leading bits that the node's prefix and the key's have in common. Words are compared as bytes in network order. */
export function commonBits(map: TrieMap, node: number, keyOff: number): number {
  const { view } = map.mem;
  const limit = Math.min(view.getUint32(node + NODE.prefixLen, true), view.getUint32(keyOff >>> 0, true));
  const a = node + NODE.data;
  const b = (keyOff >>> 0) + KEY_DATA;
  const words = map.dataSize & ~3;
  let i = 0;
  for (; i < words && i * 8 < limit; i += 4) {
    const diff = view.getInt32(a + i) ^ view.getInt32(b + i);
    if (diff !== 0) return Math.min(limit, i * 8 + Math.clz32(diff));
  }
  for (; i * 8 < limit; i++) {
    const diff = view.getUint8(a + i) ^ view.getUint8(b + i);
    if (diff !== 0) return Math.min(limit, i * 8 + Math.clz32(diff) - 24);
  }
  return limit;
}

/** The node of the longest prefix that contains the key; 0 where there is none. */
export function longestMatch(map: TrieMap, keyOff: number): number {
  const keyLen = map.mem.read32(keyOff);
  if (keyLen > map.maxPrefixLen && !map.rules.has('lpm-lookup-long-prefix')) return 0;
  return map.dataSize === WORD ? matchWord(map, keyOff, keyLen) : matchBytes(map, keyOff);
}

/**
 * Where data is one word, such as an IPv4 address. A node matches where at least as many bits are the key's as its prefix
 * has; the bit behind the key's own length counts as one that is not. A prefix of all bits has no children.
 */
function matchWord(map: TrieMap, keyOff: number, keyLen: number): number {
  const { view, i32 } = map.mem;
  const bits = view.getInt32((keyOff + KEY_AT) >>> 0);
  const end = keyLen < 32 ? 0x80000000 >>> keyLen : 0;
  let found = 0;
  for (let node = i32[map.rootSlot >>> 2]; node !== 0;) {
    const at = node >>> 2;
    const prefixLen = i32[at + PREFIX_LEN];
    if (Math.clz32((view.getInt32((node + DATA) >>> 0) ^ bits) | end) < prefixLen) break;
    if (i32[at + FORK] === 0) found = node;
    node = bits << prefixLen < 0 ? i32[at + CHILD1] : i32[at + CHILD0];
  }
  return found >>> 0;
}

function matchBytes(map: TrieMap, keyOff: number): number {
  const { mem } = map;
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
