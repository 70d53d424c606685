// SPDX-License-Identifier: MIT
import { BTF_KIND_DECL_TAG } from '../kinds.ts';
import type { BtfDeclTag } from '../types.ts';
import type { KindDef } from './def.ts';

export const declTagKind: KindDef<BtfDeclTag> = {
  since: '5.16',
  decode: (r) => ({
    id: r.id,
    kind: BTF_KIND_DECL_TAG,
    name: r.name,
    typeId: r.sizeOrType,
    componentIdx: r.sword(0),
    kflag: r.kflag,
  }),
  encode: (t, out) => {
    out.head({ kflag: t.kflag, sizeOrType: t.typeId });
    out.word(t.componentIdx >>> 0);
  },
  rawText: (t) => [`type_id=${t.typeId} component_idx=${t.componentIdx}`],
  rawJson: (t) => ({ type_id: t.typeId, component_idx: t.componentIdx }),
};
