// SPDX-License-Identifier: MIT
import { BTF_KIND_VAR } from '../kinds.ts';
import type { BtfVar } from '../types.ts';
import type { KindDef } from './def.ts';

/** Name of a VAR's linkage as `bpftool btf dump` prints it. */
export function varLinkageName(linkage: number): string {
  return ['static', 'global', 'extern'][linkage] ?? '(unknown)';
}

export const varKind: KindDef<BtfVar> = {
  since: '5.2',
  decode: (r) => ({ id: r.id, kind: BTF_KIND_VAR, name: r.name, typeId: r.sizeOrType, linkage: r.word(0) }),
  encode: (t, out) => {
    out.head({ sizeOrType: t.typeId });
    out.word(t.linkage);
  },
  rawText: (t) => [`type_id=${t.typeId}, linkage=${varLinkageName(t.linkage)}`],
  rawJson: (t) => ({ type_id: t.typeId, linkage: varLinkageName(t.linkage) }),
};
