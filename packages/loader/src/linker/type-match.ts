// SPDX-License-Identifier: MIT
// Whether two declarations of one global name can mean the same. Looser than equality: signedness, values of enums,
// lengths of arrays and names of parameters may differ, and behind pointers only names must agree.
import * as K from '@tsbpf/btf';
import type { Btf, BtfType } from '@tsbpf/btf';

/** A type of one of the two sides. */
export interface Side {
  readonly btf: Btf;
  readonly id: number;
}

/** Types within types that are followed. */
const MAX_DEPTH = 256;

const kindWord = (type: BtfType): string => KIND_WORDS[type.kind] ?? 'unknown';

const KIND_WORDS: Readonly<Record<number, string>> = {
  [K.BTF_KIND_UNKN]: 'void',
  [K.BTF_KIND_INT]: 'int',
  [K.BTF_KIND_PTR]: 'ptr',
  [K.BTF_KIND_ARRAY]: 'array',
  [K.BTF_KIND_STRUCT]: 'struct',
  [K.BTF_KIND_UNION]: 'union',
  [K.BTF_KIND_ENUM]: 'enum',
  [K.BTF_KIND_FWD]: 'fwd',
  [K.BTF_KIND_FUNC]: 'func',
  [K.BTF_KIND_FUNC_PROTO]: 'func_proto',
  [K.BTF_KIND_VAR]: 'var',
  [K.BTF_KIND_FLOAT]: 'float',
  [K.BTF_KIND_ENUM64]: 'enum64',
};

/** Why the types of a declaration and another cannot be the same; undefined where they can. */
export function typeMismatch(a: Side, b: Side): string | undefined {
  return compare(a, b, true, 0);
}

function fwdMismatch(a: BtfType, b: BtfType): string | undefined {
  if (a.name !== b.name) return `incompatible forward declaration names '${a.name}' and '${b.name}'`;
  const [fwd, full] = a.kind === K.BTF_KIND_FWD ? [a, b] : [b, a];
  const declared = fwd.kind === K.BTF_KIND_FWD ? fwd.fwdKind : 'struct';
  const wanted = declared === 'union' ? K.BTF_KIND_UNION : K.BTF_KIND_STRUCT;
  if (full.kind === wanted) return undefined;
  return `incompatible ${declared} forward declaration and concrete kind ${kindWord(full)}`;
}

/** @param exact whether members are compared: not behind a pointer */
function compare(a: Side, b: Side, exact: boolean, depth: number): string | undefined {
  const x = a.btf.type(a.btf.skipModifiers(a.id));
  const y = b.btf.type(b.btf.skipModifiers(b.id));
  if (depth > MAX_DEPTH) return `types nest deeper than ${MAX_DEPTH}`;
  const inner = (idA: number, idB: number, how = exact): string | undefined =>
    compare({ btf: a.btf, id: idA }, { btf: b.btf, id: idB }, how, depth + 1);
  if (!exact && (x.kind === K.BTF_KIND_FWD) !== (y.kind === K.BTF_KIND_FWD)) return fwdMismatch(x, y);
  if (x.kind !== y.kind) return `incompatible BTF kinds ${kindWord(x)} and ${kindWord(y)}`;
  switch (x.kind) {
    case K.BTF_KIND_UNKN:
      return undefined;
    case K.BTF_KIND_INT:
    case K.BTF_KIND_FLOAT:
      return sizeMismatch(x, y as typeof x);
    case K.BTF_KIND_PTR:
      return inner(x.typeId, (y as typeof x).typeId, false);
    case K.BTF_KIND_ARRAY:
      return inner(x.elemTypeId, (y as typeof x).elemTypeId);
    case K.BTF_KIND_FUNC_PROTO:
      return protoMismatch(x, y as typeof x, inner);
    default:
  }
  if (x.name !== y.name) return `incompatible ${kindWord(x)} names '${x.name}' and '${y.name}'`;
  switch (x.kind) {
    case K.BTF_KIND_FWD:
      return undefined;
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
      return sizeMismatch(x, y as typeof x);
    case K.BTF_KIND_FUNC:
    case K.BTF_KIND_VAR: {
      const other = y as typeof x;
      // 0 is static in either: what is not static is an extern or its definition.
      if ((x.linkage === 0) !== (other.linkage === 0)) return `incompatible ${kindWord(x)} '${x.name}' linkage`;
      return inner(x.typeId, other.typeId);
    }
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      return exact ? membersMismatch(x, y as typeof x, inner) : undefined;
    default:
      return `unsupported BTF kind ${kindWord(x)}`;
  }
}

function sizeMismatch<T extends BtfType & { size: number }>(x: T, y: T): string | undefined {
  if (x.size === y.size) return undefined;
  return `incompatible ${kindWord(x)} '${x.name}' size ${x.size} and ${y.size}`;
}

type Inner = (idA: number, idB: number) => string | undefined;

function protoMismatch(x: K.BtfFuncProto, y: K.BtfFuncProto, inner: Inner): string | undefined {
  if (x.params.length !== y.params.length) {
    return `incompatible number of func_proto params ${x.params.length} and ${y.params.length}`;
  }
  for (const [i, param] of x.params.entries()) {
    const why = inner(param.typeId, y.params[i].typeId);
    if (why !== undefined) return why;
  }
  return inner(x.returnTypeId, y.returnTypeId);
}

function membersMismatch(x: K.BtfComposite, y: K.BtfComposite, inner: Inner): string | undefined {
  if (x.members.length !== y.members.length) {
    return `incompatible number of ${kindWord(x)} fields ${x.members.length} and ${y.members.length}`;
  }
  for (const [i, member] of x.members.entries()) {
    const other = y.members[i];
    if (member.name !== other.name) return `incompatible field #${i} names '${member.name}' and '${other.name}'`;
    if (member.bitOffset !== other.bitOffset || member.bitSize !== other.bitSize) {
      return `incompatible field #${i} ('${member.name}') offsets`;
    }
    const why = inner(member.typeId, other.typeId);
    if (why !== undefined) return why;
  }
  return undefined;
}
