// SPDX-License-Identifier: MIT
import * as K from '@tsbpf/btf';
import type { BtfType, BtfTypeInit } from '@tsbpf/btf';

/** The type with every id that it refers to replaced. */
export function remapType(
  type: Exclude<BtfType, { kind: typeof K.BTF_KIND_UNKN }>,
  newId: (id: number) => number,
): BtfTypeInit {
  switch (type.kind) {
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      return { ...type, members: type.members.map((m) => ({ ...m, typeId: newId(m.typeId) })) };
    case K.BTF_KIND_ARRAY:
      return { ...type, elemTypeId: newId(type.elemTypeId), indexTypeId: newId(type.indexTypeId) };
    case K.BTF_KIND_FUNC_PROTO:
      return {
        ...type,
        returnTypeId: newId(type.returnTypeId),
        params: type.params.map((p) => ({ ...p, typeId: newId(p.typeId) })),
      };
    case K.BTF_KIND_DATASEC:
      return { ...type, vars: type.vars.map((v) => ({ ...v, typeId: newId(v.typeId) })) };
    case K.BTF_KIND_INT:
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
    case K.BTF_KIND_FLOAT:
    case K.BTF_KIND_FWD:
      return type;
    default:
      return { ...type, typeId: newId(type.typeId) };
  }
}
