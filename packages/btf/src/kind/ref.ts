// SPDX-License-Identifier: MIT
import type { BtfRef } from '../types.ts';
import type { KindDef } from './def.ts';

function refKind(kind: BtfRef['kind']): KindDef<BtfRef> {
  return {
    since: '4.18',
    decode: (r) => ({ id: r.id, kind, name: r.name, typeId: r.sizeOrType }),
    encode: (t, out) => out.head({ sizeOrType: t.typeId }),
    rawText: (t) => [`type_id=${t.typeId}`],
    rawJson: (t) => ({ type_id: t.typeId }),
  };
}

/** Pointers, typedefs and qualifiers: a name at most, and what they refer to. */
export const ptrKind = refKind(2);
export const typedefKind = refKind(8);
export const volatileKind = refKind(9);
export const constKind = refKind(10);
export const restrictKind = refKind(11);
