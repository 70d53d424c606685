// SPDX-License-Identifier: MIT
import { BTF_KIND_FWD } from '../kinds.ts';
import type { BtfFwd } from '../types.ts';
import type { KindDef } from './def.ts';

export const fwdKind: KindDef<BtfFwd> = {
  since: '4.18',
  decode: (r) => ({ id: r.id, kind: BTF_KIND_FWD, name: r.name, fwdKind: r.kflag ? 'union' : 'struct' }),
  encode: (t, out) => out.head({ kflag: t.fwdKind === 'union' }),
  rawText: (t) => [`fwd_kind=${t.fwdKind}`],
  rawJson: (t) => ({ fwd_kind: t.fwdKind }),
};
