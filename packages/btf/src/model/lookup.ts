// SPDX-License-Identifier: MIT
import type { Btf } from './btf.ts';
import { buildNameIndex, essentialLength, hashName, type NameIndex } from './name-index.ts';

/** What is known of one blob's own names. */
export interface NameLookup {
  /** Names asked for so far. */
  asked: number;
  byName: NameIndex | undefined;
  byEssentialName: NameIndex | undefined;
}

/** A blob's own types and strings, as they lie. */
export interface NameTable {
  readonly words: Uint32Array;
  /** First word of each record. */
  readonly starts: Uint32Array;
  readonly strings: Uint8Array;
  /** Strings below this offset are the base's. */
  readonly startStrOff: number;
  readonly lookup: NameLookup;
}

/** Reading every name is cheaper than an index for so many names. */
const SCANS = 4;

const encoder = new TextEncoder();

/** End of the compared part of the name at `at`: its NUL, or where its flavor begins. */
function nameEnd(bytes: Uint8Array, at: number, essential: boolean): number {
  let end = at;
  while (bytes[end] !== 0) end++;
  return essential ? at + essentialLength(bytes.subarray(at, end), end - at) : end;
}

function build(btf: Btf, essential: boolean): NameIndex {
  return buildNameIndex(btf.typeCount - btf.startId, (position) => {
    const off = btf.nameOff(btf.startId + position);
    if (off === 0) return -1;
    const found = btf.stringBytes(off);
    if (!found || found.bytes[found.at] === 0) return -1;
    return hashName(found.bytes, found.at, essential ? nameEnd(found.bytes, found.at, true) : found.bytes.length);
  });
}

/** The first position at or behind `from` with the name; the count where there is none. */
function scan(btf: Btf, table: NameTable, wanted: Uint8Array, from: number, essential: boolean): number {
  const { words, starts, strings, startStrOff } = table;
  const first = wanted[0];
  const count = starts.length;
  for (let position = from; position < count; position++) {
    const off = words[starts[position]];
    if (off === 0) continue;
    if (off >= startStrOff) {
      const at = off - startStrOff;
      if (strings[at] === first && sameName(strings, at, wanted, essential)) return position;
      continue;
    }
    const found = btf.stringBytes(off);
    if (found && sameName(found.bytes, found.at, wanted, essential)) return position;
  }
  return count;
}

/** The blob's own ids with this name, ascending. */
export function* findNamed(
  btf: Btf,
  table: NameTable,
  name: string,
  options: { essential: boolean },
): Generator<number> {
  const { essential } = options;
  const { lookup, starts } = table;
  const wanted = encoder.encode(name);
  const known = essential ? lookup.byEssentialName : lookup.byName;
  if (known === undefined && ++lookup.asked <= SCANS) {
    for (let position = 0; ; position++) {
      position = scan(btf, table, wanted, position, essential);
      if (position >= starts.length) return;
      yield btf.startId + position;
    }
  }
  const index = essential ? (lookup.byEssentialName ??= build(btf, true)) : (lookup.byName ??= build(btf, false));
  for (
    let position = index.first(hashName(wanted, 0, wanted.length));
    position !== -1;
    position = index.next(position)
  ) {
    const id = btf.startId + position;
    const found = btf.stringBytes(btf.nameOff(id));
    if (found && sameName(found.bytes, found.at, wanted, essential)) yield id;
  }
}

function sameName(bytes: Uint8Array, at: number, wanted: Uint8Array, essential: boolean): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return essential ? nameEnd(bytes, at, true) === at + wanted.length : bytes[at + wanted.length] === 0;
}
