// SPDX-License-Identifier: MIT
import type { Btf } from './btf.ts';
import { buildNameIndex, essentialLength, hashName, type NameIndex } from './name-index.ts';

/** The indexes of one blob's own types, built when first asked for. */
export interface NameLookup {
  byName: NameIndex | undefined;
  byEssentialName: NameIndex | undefined;
}

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

/** The blob's own ids with this name, ascending. */
export function* findNamed(
  btf: Btf,
  lookup: NameLookup,
  name: string,
  options: { essential: boolean },
): Generator<number> {
  const { essential } = options;
  const index = essential ? (lookup.byEssentialName ??= build(btf, true)) : (lookup.byName ??= build(btf, false));
  const wanted = encoder.encode(name);
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
  return bytes[at + wanted.length] === 0 || (essential && nameEnd(bytes, at, true) === at + wanted.length);
}
