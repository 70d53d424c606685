// SPDX-License-Identifier: MIT
import { ELOOP, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import { ORDERED, ORDERING, type CDumpState } from './state.ts';

/** Marks the types that some other type refers to. */
export function markReferenced(d: CDumpState): void {
  const { btf, referenced } = d;
  const mark = (id: number): void => {
    if (btf.has(id)) referenced[id] = 1;
  };
  for (let id = 1; id < btf.typeCount; id++) {
    const vlen = btf.vlen(id);
    switch (btf.kind(id)) {
      case K.BTF_KIND_VOLATILE:
      case K.BTF_KIND_CONST:
      case K.BTF_KIND_RESTRICT:
      case K.BTF_KIND_PTR:
      case K.BTF_KIND_TYPEDEF:
      case K.BTF_KIND_FUNC:
      case K.BTF_KIND_VAR:
      case K.BTF_KIND_DECL_TAG:
      case K.BTF_KIND_TYPE_TAG:
        mark(btf.sizeOrType(id));
        break;
      case K.BTF_KIND_ARRAY:
        mark(btf.extraWord(id, 0));
        mark(btf.extraWord(id, 1));
        break;
      case K.BTF_KIND_STRUCT:
      case K.BTF_KIND_UNION:
        for (let i = 0; i < vlen; i++) mark(btf.extraWord(id, 3 * i + 1));
        break;
      case K.BTF_KIND_FUNC_PROTO:
        for (let i = 0; i < vlen; i++) mark(btf.extraWord(id, 2 * i + 1));
        break;
      case K.BTF_KIND_DATASEC:
        for (let i = 0; i < vlen; i++) mark(btf.extraWord(id, 3 * i));
        break;
      default:
    }
  }
}

/**
 * Queues the definitions that must precede a use of the type, those it needs first. With `throughPtr` a declaration
 * is enough. True where something was, or had been, queued for it: then a typedef of it can follow.
 */
export function orderType(d: CDumpState, id: number, throughPtr: boolean): boolean {
  return d.nested(id, () => order(d, id, throughPtr));
}

function order(d: CDumpState, id: number, throughPtr: boolean): boolean {
  const { btf, orderState } = d;
  if (btf.has(id) && orderState[id] === ORDERED) return true;
  const type = btf.type(id);
  if (orderState[id] === ORDERING) {
    const composite = type.kind === K.BTF_KIND_STRUCT || type.kind === K.BTF_KIND_UNION;
    if (composite && throughPtr && type.name !== '') return false;
    throw new BtfError(`[${id}] unsatisfiable type cycle`, { errno: ELOOP, typeId: id });
  }
  switch (type.kind) {
    case K.BTF_KIND_PTR: {
      const strong = orderType(d, type.typeId, true);
      orderState[id] = ORDERED;
      return strong;
    }
    case K.BTF_KIND_ARRAY:
      return orderType(d, type.elemTypeId, false);
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      if (throughPtr && type.name !== '') return false;
      orderState[id] = ORDERING;
      for (const m of type.members) orderType(d, m.typeId, false);
      if (type.name !== '') d.queue.push(id);
      orderState[id] = ORDERED;
      return true;
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
    case K.BTF_KIND_FWD:
      if (type.name !== '' || !d.referenced[id]) d.queue.push(id);
      orderState[id] = ORDERED;
      return true;
    case K.BTF_KIND_TYPEDEF: {
      const strong = orderType(d, type.typeId, throughPtr);
      if (throughPtr && !strong) return false;
      d.queue.push(id);
      orderState[id] = ORDERED;
      return true;
    }
    case K.BTF_KIND_VOLATILE:
    case K.BTF_KIND_CONST:
    case K.BTF_KIND_RESTRICT:
    case K.BTF_KIND_TYPE_TAG:
      return orderType(d, type.typeId, throughPtr);
    case K.BTF_KIND_FUNC_PROTO: {
      let strong = orderType(d, type.returnTypeId, throughPtr);
      for (const p of type.params) if (orderType(d, p.typeId, throughPtr)) strong = true;
      return strong;
    }
    default:
      orderState[id] = ORDERED;
      return false;
  }
}
