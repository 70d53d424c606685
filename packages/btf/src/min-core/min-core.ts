// SPDX-License-Identifier: MIT
import { findCoreCandidates, type CoreCandidate } from '../core/candidates.ts';
import { BPF_CORE_TYPE_ID_LOCAL } from '../core/kinds.ts';
import type { CoreLog } from '../core/log.ts';
import { computeCoreRelo } from '../core/relo.ts';
import { TypeEncoder } from '../encode/encode.ts';
import type { BtfExt } from '../ext/ext.ts';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfType, BtfTypeInit } from '../types.ts';
import { Marks } from './mark.ts';

/** What a minimal BTF must serve. */
export interface MinCoreObject {
  readonly btf: Btf;
  readonly ext: BtfExt;
}

function remap(type: BtfType, ids: Uint32Array, marks: Marks): BtfTypeInit | undefined {
  switch (type.kind) {
    case K.BTF_KIND_UNKN:
      return undefined;
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION: {
      const members = type.members.filter((_, i) => marks.hasMember(type.id, i));
      const kflag = members.some((m) => m.bitSize > 0);
      return { ...type, kflag, members: members.map((m) => ({ ...m, typeId: ids[m.typeId] })) };
    }
    case K.BTF_KIND_ARRAY:
      return { ...type, elemTypeId: ids[type.elemTypeId], indexTypeId: ids[type.indexTypeId] };
    case K.BTF_KIND_FUNC_PROTO:
      return {
        ...type,
        returnTypeId: ids[type.returnTypeId],
        params: type.params.map((p) => ({ ...p, typeId: ids[p.typeId] })),
      };
    case K.BTF_KIND_DATASEC:
      return { ...type, vars: type.vars.map((v) => ({ ...v, typeId: ids[v.typeId] })) };
    default:
      return 'typeId' in type ? { ...type, typeId: ids[type.typeId] } : type;
  }
}

/**
 * The part of a kernel's BTF that the CO-RE relocations of some objects need, as a blob of its own: what
 * `bpftool gen min_core_btf` writes. Pointers to what is not needed point at void.
 * @throws BtfError where a relocation is malformed or ambiguous
 */
export function minCoreBtf(
  targetBtf: Btf,
  objects: readonly MinCoreObject[],
  options: { log?: CoreLog } = {},
): Uint8Array {
  const marks = new Marks(targetBtf);
  const targets = [{ btf: targetBtf, name: 'vmlinux' }];
  for (const { btf, ext } of objects) {
    const known = new Map<number, readonly CoreCandidate[]>();
    for (const section of ext.coreRelo.sections) {
      for (const record of section.records) {
        const { typeId, kind } = record;
        if (kind === BPF_CORE_TYPE_ID_LOCAL) continue;
        const candidates = known.get(typeId) ?? findCoreCandidates({ localBtf: btf, typeId, targets });
        const relo = { ...record, accessStr: btf.strAt(record.accessStrOff) };
        const result = computeCoreRelo({ localBtf: btf, relo, candidates, progName: 'prog', log: options.log });
        known.set(typeId, result.candidates);
        if (result.targetSpecs.length > 0) marks.markSpec(result.targetSpecs[0]);
      }
    }
  }
  const ids = new Uint32Array(targetBtf.typeCount);
  let next = 1;
  for (let id = 1; id < targetBtf.typeCount; id++) if (marks.types[id]) ids[id] = next++;
  const encoder = new TypeEncoder({ littleEndian: targetBtf.littleEndian });
  for (let id = 1; id < targetBtf.typeCount; id++) {
    if (!marks.types[id]) continue;
    const init = remap(targetBtf.type(id), ids, marks);
    if (init) encoder.add(init);
  }
  return encoder.finish();
}
