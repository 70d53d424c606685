// SPDX-License-Identifier: MIT
import { BTF_KIND_ARRAY } from '../kinds.ts';
import type { BtfArray } from '../types.ts';
import type { KindDef } from './def.ts';

export const arrayKind: KindDef<BtfArray> = {
  since: '4.18',
  decode: (r) => ({
    id: r.id,
    kind: BTF_KIND_ARRAY,
    name: r.name,
    elemTypeId: r.word(0),
    indexTypeId: r.word(1),
    nelems: r.word(2),
  }),
  encode: (t, out) => {
    out.head({});
    out.word(t.elemTypeId);
    out.word(t.indexTypeId);
    out.word(t.nelems);
  },
  rawText: (t) => [`type_id=${t.elemTypeId} index_type_id=${t.indexTypeId} nr_elems=${t.nelems}`],
  rawJson: (t) => ({ type_id: t.elemTypeId, index_type_id: t.indexTypeId, nr_elems: t.nelems }),
};
