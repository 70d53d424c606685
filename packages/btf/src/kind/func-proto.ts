// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO } from '../kinds.ts';
import type { BtfFuncProto } from '../types.ts';
import { shownName, type KindDef } from './def.ts';

export const funcProtoKind: KindDef<BtfFuncProto> = {
  since: '5.0',
  decode: (r) => {
    const params: { name: string; typeId: number }[] = [];
    for (let i = 0; i < r.vlen; i++) params.push({ name: r.str(r.word(2 * i)), typeId: r.word(2 * i + 1) });
    return { id: r.id, kind: BTF_KIND_FUNC_PROTO, name: r.name, returnTypeId: r.sizeOrType, params };
  },
  encode: (t, out) => {
    out.head({ vlen: t.params.length, sizeOrType: t.returnTypeId });
    for (const p of t.params) {
      out.word(out.str(p.name));
      out.word(p.typeId);
    }
  },
  rawText: (t) => [
    `ret_type_id=${t.returnTypeId} vlen=${t.params.length}`,
    ...t.params.map((p) => `\t'${shownName(p.name)}' type_id=${p.typeId}`),
  ],
  rawJson: (t) => ({
    ret_type_id: t.returnTypeId,
    vlen: t.params.length,
    params: t.params.map((p) => ({ name: shownName(p.name), type_id: p.typeId })),
  }),
};
