// SPDX-License-Identifier: MIT
import { BTF_KIND_DATASEC, BTF_KIND_NAMES } from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfDatasec, BtfVarSecinfo } from '../types.ts';
import { shownName, type KindDef } from './def.ts';

/** ` (VAR 'x')` behind a variable's line; nothing where the id is of no type. */
function varNote(v: BtfVarSecinfo, btf: Btf): string {
  if (v.typeId === 0 || !btf.has(v.typeId)) return '';
  return ` (${BTF_KIND_NAMES[btf.kind(v.typeId)]} '${shownName(btf.name(v.typeId))}')`;
}

export const datasecKind: KindDef<BtfDatasec> = {
  since: '5.2',
  decode: (r) => {
    const vars: BtfVarSecinfo[] = [];
    for (let i = 0; i < r.vlen; i++) {
      vars.push({ typeId: r.word(3 * i), offset: r.word(3 * i + 1), size: r.word(3 * i + 2) });
    }
    return { id: r.id, kind: BTF_KIND_DATASEC, name: r.name, size: r.sizeOrType, vars };
  },
  encode: (t, out) => {
    out.head({ vlen: t.vars.length, sizeOrType: t.size });
    for (const v of t.vars) {
      out.word(v.typeId);
      out.word(v.offset);
      out.word(v.size);
    }
  },
  rawText: (t, btf) => [
    `size=${t.size} vlen=${t.vars.length}`,
    ...t.vars.map((v) => `\ttype_id=${v.typeId} offset=${v.offset} size=${v.size}${varNote(v, btf)}`),
  ],
  rawJson: (t) => ({
    size: t.size,
    vlen: t.vars.length,
    vars: t.vars.map((v) => ({ type_id: v.typeId, offset: v.offset, size: v.size })),
  }),
};
