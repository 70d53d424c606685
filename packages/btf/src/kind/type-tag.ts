// SPDX-License-Identifier: MIT
import { BTF_KIND_TYPE_TAG } from '../kinds.ts';
import type { BtfTypeTag } from '../types.ts';
import type { KindDef } from './def.ts';

export const typeTagKind: KindDef<BtfTypeTag> = {
  since: '5.17',
  decode: (r) => ({ id: r.id, kind: BTF_KIND_TYPE_TAG, name: r.name, typeId: r.sizeOrType, kflag: r.kflag }),
  encode: (t, out) => out.head({ kflag: t.kflag, sizeOrType: t.typeId }),
  rawText: (t) => [`type_id=${t.typeId}`],
  rawJson: (t) => ({ type_id: t.typeId }),
};
