// SPDX-License-Identifier: MIT
import { assembleBtf, ByteSink } from '../encode/writer.ts';
import { parseBtf, type Btf } from '../model/btf.ts';
import { dedupComposites, dedupPrimitives, dedupReferences, resolveFwds, seedBase } from './passes.ts';
import { DedupState } from './state.ts';
import { sharedStrings, unchangedStrings } from './strings.ts';
import { TypeWords } from './words.ts';

export interface DedupBtfOptions {
  /**
   * Offsets of strings that are used from elsewhere, as by `.BTF.ext`, and must stay; `all` leaves the string section
   * as it is, for a blob that says no string twice.
   */
  readonly keepStrings?: Iterable<number> | 'all';
  /** Leaves alone what is only declared, even where one struct alone has the name: so did libbpf before 1.2. */
  readonly keepDeclarations?: boolean;
}

export interface DedupBtfResult {
  readonly btf: Btf;
  /** New id of each old one. */
  readonly typeMap: Uint32Array;
  /** New offset of a string that a type uses or that was kept; undefined for one that is gone. */
  strOff(oldOff: number): number | undefined;
}

/**
 * Merges what the blob says twice: strings, equal types, and structs that are equivalent graphs, declarations included.
 * Types keep their order. With split BTF the base stays as it is, and types that it has are dropped.
 * @errno EINVAL for references outside the blob; ELOOP for types that refer to themselves without a struct between
 * @see tools/lib/bpf/btf.c, btf__dedup()
 */
export function dedupBtf(btf: Btf, options: DedupBtfOptions = {}): DedupBtfResult {
  const t = new TypeWords(btf);
  const d = new DedupState(t, btf.startId);
  seedBase(d);
  dedupPrimitives(d);
  dedupComposites(d);
  if (options.keepDeclarations !== true) resolveFwds(d);
  dedupReferences(d);

  const newIds = new Uint32Array(t.typeCount);
  let next = btf.startId;
  for (let id = 1; id < t.typeCount; id++) {
    if (id < btf.startId) newIds[id] = id;
    else if (d.map[id] === id) newIds[id] = next++;
  }
  const typeMap = new Uint32Array(t.typeCount);
  for (let id = 1; id < t.typeCount; id++) typeMap[id] = newIds[d.resolve(id)];

  const { littleEndian, base } = btf;
  const strings = options.keepStrings === 'all' ? unchangedStrings(t, btf) : sharedStrings(t, btf);
  const types = new ByteSink(littleEndian);
  for (let id = btf.startId; id < t.typeCount; id++) {
    // Strings of dropped types are another type's too; the order is that of first use.
    t.forEachName(id, (position) => strings.use(t.words[position]));
    if (d.map[id] !== id) continue;
    t.forEachName(id, (position) => {
      t.words[position] = strings.offset(t.words[position]);
    });
    t.forEachRef(id, (position) => {
      t.words[position] = typeMap[t.words[position]];
    });
    for (let i = t.at[id]; i < t.at[id + 1]; i++) types.u32(t.words[i]);
  }
  if (options.keepStrings !== 'all') for (const off of options.keepStrings ?? []) strings.keep(off);
  return {
    btf: parseBtf(assembleBtf(types.bytes(), strings.bytes(), littleEndian), { base }),
    typeMap,
    strOff: (oldOff) => strings.newOffset(oldOff),
  };
}
