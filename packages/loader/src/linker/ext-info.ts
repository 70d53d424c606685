// SPDX-License-Identifier: MIT
// The records of `.BTF.ext`, of all objects for each section of the output.
import type { BtfExtInfo } from '@tsbpf/btf';
import { EINVAL, ENOENT } from '@tsbpf/uapi';
import type { Refuse } from '../open/refuse.ts';
import type { Input } from './input.ts';
import type { OutRecords, OutSection } from './output.ts';
import type { Placement } from './sections.ts';
import type { OutTypes } from './types.ts';

type Part = 'funcInfo' | 'lineInfo' | 'coreRelo';

/** Words of the records, by their meaning; the first is the offset in the section. */
const LAYOUT: Readonly<Record<Part, { readonly types: readonly number[]; readonly strings: readonly number[] }>> = {
  funcInfo: { types: [1], strings: [] },
  lineInfo: { types: [], strings: [1, 2] },
  coreRelo: { types: [1], strings: [2] },
};
const PARTS: readonly Part[] = ['funcInfo', 'lineInfo', 'coreRelo'];
const HEADER_LEN = 32;

/** Appends an object's records: offsets moved, types and strings as the output numbers them. */
export function mergeExtInfo(init: {
  input: Input;
  placement: Placement;
  typeIds: Uint32Array;
  types: OutTypes;
  refuse: Refuse;
}): void {
  const { input, placement, typeIds, types, refuse } = init;
  const { btf, btfExt } = input;
  if (btf === undefined || btfExt === undefined) return;
  const le = btfExt.littleEndian;
  for (const part of PARTS) {
    const info: BtfExtInfo<unknown> = btfExt[part];
    for (const { secNameOff, bytes } of info.sections) {
      const name = btf.strAt(secNameOff);
      const section = input.sections.find((s) => s.name === name && s.elf !== undefined);
      const placed = section && placement.get(section);
      if (placed === undefined) {
        return refuse(`can't find section '${name}' referenced from .BTF.ext`, { errno: ENOENT });
      }
      if (placed.skipped) continue;
      const out: OutRecords = placed.out[part];
      if (out.recSize !== 0 && out.recSize !== info.recSize) {
        refuse(`.BTF.ext records of section '${name}' differ in size: ${out.recSize} and ${info.recSize} bytes`, {
          errno: EINVAL,
        });
      }
      out.recSize = info.recSize;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const words = info.recSize / 4;
      for (let at = 0; at < bytes.length; at += info.recSize) {
        const record = Array.from({ length: words }, (_, i) => view.getUint32(at + 4 * i, le));
        record[0] += placed.off;
        for (const i of LAYOUT[part].types) {
          if (!btf.has(record[i])) {
            refuse(`.BTF.ext of '${input.file}' refers to type ${record[i]}, which is not there`, { errno: EINVAL });
          }
          record[i] = typeIds[record[i]];
        }
        for (const i of LAYOUT[part].strings) record[i] = types.strings.add(btf.strAt(record[i]));
        out.records.push(record);
      }
    }
  }
}

/** Says the names of sections that have records. */
export function nameExtSections(types: OutTypes, out: readonly OutSection[]): void {
  for (const part of PARTS) {
    for (const section of out) if (section[part].records.length > 0) types.strings.add(section.name);
  }
}

/** The words of one subsection: record size, then each section's header and records. */
function subsection(
  part: Part,
  out: readonly OutSection[],
  typeMap: Uint32Array,
  strOff: (text: string | number) => number,
): number[] {
  const having = out.filter((section) => section[part].records.length > 0);
  if (having.length === 0) return [];
  const words = [having[0][part].recSize];
  for (const section of having) {
    const { records } = section[part];
    words.push(strOff(section.name), records.length);
    for (const record of records) {
      const written = [...record];
      for (const i of LAYOUT[part].types) written[i] = typeMap[record[i]];
      for (const i of LAYOUT[part].strings) written[i] = strOff(record[i]);
      for (const word of written) words.push(word);
    }
  }
  return words;
}

/** The `.BTF.ext` of the output; undefined where no record says anything. */
export function encodeExtInfo(
  out: readonly OutSection[],
  init: {
    typeMap: Uint32Array;
    /** Offset of a string, by its text or its number. */
    strOff: (text: string | number) => number;
    littleEndian: boolean;
  },
): Uint8Array | undefined {
  const { typeMap, strOff, littleEndian } = init;
  const parts = PARTS.map((part) => subsection(part, out, typeMap, strOff));
  const total = parts.reduce((sum, words) => sum + words.length * 4, 0);
  if (total === 0) return undefined;
  const bytes = new Uint8Array(HEADER_LEN + total);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, littleEndian);
  view.setUint8(2, 1);
  view.setUint32(4, HEADER_LEN, littleEndian);
  let at = 0;
  for (const [i, words] of parts.entries()) {
    view.setUint32(8 + 8 * i, at, littleEndian);
    view.setUint32(12 + 8 * i, words.length * 4, littleEndian);
    for (const word of words) {
      view.setUint32(HEADER_LEN + at, word, littleEndian);
      at += 4;
    }
  }
  return bytes;
}
