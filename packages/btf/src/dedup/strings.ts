// SPDX-License-Identifier: MIT
import { StringSection } from '../encode/writer.ts';
import type { Btf } from '../model/btf.ts';
import type { TypeWords } from './words.ts';

/** The string section of a dedup's result, and where the old strings are in it. Names are numbers of {@link TypeWords}. */
export interface DedupStrings {
  /** A type has the name. */
  use(name: number): void;
  offset(name: number): number;
  /** The string at an old offset must be there. */
  keep(oldOff: number): void;
  newOffset(oldOff: number): number | undefined;
  bytes(): Uint8Array;
}

/** Each string once, in the order of first use; the base's are not repeated. */
export function sharedStrings(t: TypeWords, btf: Btf): DedupStrings {
  const { base } = btf;
  const baseOffset = (text: string): number | undefined => {
    const id = text === '' ? undefined : base?.findByName(text);
    return id === undefined ? undefined : base?.nameOff(id);
  };
  const strings = new StringSection({ startOff: base?.strLen ?? 0, baseOffset });
  const offsets = new Map<number, number>();
  const kept = new Map<number, number>();
  return {
    use(name) {
      if (!offsets.has(name)) offsets.set(name, strings.add(t.names[name]));
    },
    offset: (name) => offsets.get(name) ?? 0,
    keep(oldOff) {
      kept.set(oldOff, strings.add(btf.strAt(oldOff)));
    },
    newOffset(oldOff) {
      const name = t.nameAtOff(oldOff);
      return (name === undefined ? undefined : offsets.get(name)) ?? kept.get(oldOff);
    },
    bytes: () => strings.bytes(),
  };
}

/** The strings as they are. */
export function unchangedStrings(t: TypeWords, btf: Btf): DedupStrings {
  const offsets = new Map<number, number>();
  for (const [off, name] of t.nameOffsets()) if (!offsets.has(name)) offsets.set(name, off);
  const start = btf.base?.strLen ?? 0;
  const section = btf.stringBytes(start)?.bytes ?? new Uint8Array();
  return {
    use: () => undefined,
    offset: (name) => offsets.get(name) ?? 0,
    keep: () => undefined,
    newOffset: (oldOff) => oldOff,
    bytes: () => section,
  };
}
