// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import { infoKflag, infoKind, infoVlen } from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfType } from '../types.ts';
import { arrayKind } from './array.ts';
import { structKind, unionKind } from './composite.ts';
import { datasecKind } from './datasec.ts';
import { declTagKind } from './decl-tag.ts';
import type { KindDef } from './def.ts';
import { enumKind } from './enum.ts';
import { enum64Kind } from './enum64.ts';
import { floatKind } from './float.ts';
import { funcKind } from './func.ts';
import { funcProtoKind } from './func-proto.ts';
import { fwdKind } from './fwd.ts';
import { intKind } from './int.ts';
import { constKind, ptrKind, restrictKind, typedefKind, volatileKind } from './ref.ts';
import { typeTagKind } from './type-tag.ts';
import { varKind } from './var.ts';

/** The 19 kinds by number, from 1. */
const KINDS = [
  undefined,
  intKind,
  ptrKind,
  arrayKind,
  structKind,
  unionKind,
  enumKind,
  fwdKind,
  typedefKind,
  volatileKind,
  constKind,
  restrictKind,
  funcKind,
  funcProtoKind,
  varKind,
  datasecKind,
  floatKind,
  declTagKind,
  typeTagKind,
  enum64Kind,
] as readonly (KindDef | undefined)[];

export function kindDef(kind: number): KindDef {
  const def = KINDS[kind];
  if (!def) throw new InternalError(`no BTF kind ${kind}`);
  return def;
}

/** The Linux version that introduced a kind; undefined for a number that is none. */
export function kindSince(kind: number): string | undefined {
  return KINDS[kind]?.since;
}

/** Decodes the record that begins with a word of a type section. */
export function decodeType(btf: Btf, words: Uint32Array, start: number, id: number): BtfType {
  const info = words[start + 1];
  return kindDef(infoKind(info)).decode({
    id,
    name: btf.strAt(words[start]),
    vlen: infoVlen(info),
    kflag: infoKflag(info),
    sizeOrType: words[start + 2],
    word: (index) => words[start + 3 + index],
    sword: (index) => words[start + 3 + index] | 0,
    str: (at) => btf.strAt(at),
  });
}
