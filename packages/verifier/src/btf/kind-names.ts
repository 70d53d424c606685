// SPDX-License-Identifier: MIT
import {
  BTF_KIND_CONST,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_INT,
  BTF_KIND_NAMES,
  BTF_KIND_STRUCT,
  BTF_KIND_UNION,
  type Btf,
} from '@tsbpf/btf';

/** The kind of a type as log messages name it. */
export function kindName(btf: Btf, id: number): string {
  return BTF_KIND_NAMES[btf.kind(id)];
}

/** A type's name as log messages print it: `(anon)` where it has none. */
export function printedName(btf: Btf, id: number): string {
  return btf.nameOff(id) === 0 ? '(anon)' : btf.name(id);
}

/** Integers and enumerations. */
export function isScalarKind(btf: Btf, id: number): boolean {
  const kind = btf.kind(id);
  return kind === BTF_KIND_INT || kind === BTF_KIND_ENUM || kind === BTF_KIND_ENUM64;
}

/** Structures and unions. */
export function isStructKind(btf: Btf, id: number): boolean {
  const kind = btf.kind(id);
  return kind === BTF_KIND_STRUCT || kind === BTF_KIND_UNION;
}

/** Whether a pointer type points to a one-byte integer, perhaps const: a string, which is not walked. */
export function isStringPtr(btf: Btf, ptrId: number): boolean {
  let id = btf.sizeOrType(ptrId);
  if (btf.kind(id) === BTF_KIND_CONST) id = btf.sizeOrType(id);
  return btf.kind(id) === BTF_KIND_INT && btf.sizeOrType(id) === 1;
}
