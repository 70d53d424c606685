// SPDX-License-Identifier: MIT

/**
 * A hash index from name bytes to type ids, in three typed arrays. Ids of one bucket come in ascending order; the
 * caller compares names, since buckets mix them.
 */
export interface NameIndex {
  /** First own id (position, from 0) in the bucket of `hash`, or -1. */
  first(hash: number): number;
  /** The next in the same bucket, or -1. */
  next(position: number): number;
}

/** FNV-1a over the bytes up to the NUL at or after `off`, or up to `end`. */
export function hashName(bytes: Uint8Array, off: number, end: number): number {
  let h = 0x811c9dc5;
  for (let i = off; i < end; i++) {
    const c = bytes[i];
    if (c === 0) break;
    h = Math.imul(h ^ c, 0x01000193);
  }
  return h >>> 0;
}

/** Length of a name without its flavor: all before the last `___` that neither starts nor ends it. @see libbpf CO-RE */
export function essentialLength(name: ArrayLike<number>, len: number): number {
  for (let i = len - 5; i >= 0; i--) {
    if (
      name[i] !== 0x5f &&
      name[i + 1] === 0x5f &&
      name[i + 2] === 0x5f &&
      name[i + 3] === 0x5f &&
      name[i + 4] !== 0x5f
    ) {
      return i + 1;
    }
  }
  return len;
}

/** The name without its `___flavor`. */
export function essentialName(name: string): string {
  const codes = new Uint16Array(name.length);
  for (let i = 0; i < name.length; i++) codes[i] = name.charCodeAt(i);
  return name.slice(0, essentialLength(codes, name.length));
}

/** Builds an index of `count` positions by their hash; a hash of -1 leaves a position out. */
export function buildNameIndex(count: number, hashOf: (position: number) => number): NameIndex {
  let size = 16;
  while (size < count * 2) size *= 2;
  const heads = new Int32Array(size).fill(-1);
  const links = new Int32Array(count).fill(-1);
  for (let position = count - 1; position >= 0; position--) {
    const hash = hashOf(position);
    if (hash < 0) continue;
    const bucket = hash & (size - 1);
    links[position] = heads[bucket];
    heads[bucket] = position;
  }
  return {
    first: (hash) => heads[hash & (size - 1)],
    next: (position) => links[position],
  };
}
