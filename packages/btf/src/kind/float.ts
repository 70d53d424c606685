// SPDX-License-Identifier: MIT
import { BTF_KIND_FLOAT } from '../kinds.ts';
import type { BtfFloat } from '../types.ts';
import type { KindDef } from './def.ts';

export const floatKind: KindDef<BtfFloat> = {
  since: '5.13',
  decode: (r) => ({ id: r.id, kind: BTF_KIND_FLOAT, name: r.name, size: r.sizeOrType }),
  encode: (t, out) => out.head({ sizeOrType: t.size }),
  rawText: (t) => [`size=${t.size}`],
  rawJson: (t) => ({ size: t.size }),
};
