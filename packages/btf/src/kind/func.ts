// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC } from '../kinds.ts';
import type { BtfFunc } from '../types.ts';
import type { KindDef } from './def.ts';

/** Name of a FUNC's linkage as `bpftool btf dump` prints it. */
export function funcLinkageName(linkage: number): string {
  return ['static', 'global', 'extern'][linkage] ?? '(unknown)';
}

export const funcKind: KindDef<BtfFunc> = {
  since: '5.0',
  decode: (r) => ({ id: r.id, kind: BTF_KIND_FUNC, name: r.name, typeId: r.sizeOrType, linkage: r.vlen }),
  encode: (t, out) => out.head({ vlen: t.linkage, sizeOrType: t.typeId }),
  rawText: (t) => [`type_id=${t.typeId} linkage=${funcLinkageName(t.linkage)}`],
  rawJson: (t) => ({ type_id: t.typeId, linkage: funcLinkageName(t.linkage) }),
};
