// SPDX-License-Identifier: MIT
// What of a kernel's BTF a CO-RE relocation needs.
import { EINVAL, ELOOP, BtfError } from '@tsbpf/uapi';
import { BPF_CORE_TYPE_MATCHES, isEnumvalRelo, isTypeRelo } from '../core/kinds.ts';
import type { CoreSpec } from '../core/spec.ts';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';

/** Types and members that some relocation needs. */
export class Marks {
  readonly btf: Btf;
  readonly types: Uint8Array;
  readonly #members = new Map<number, Set<number>>();

  constructor(btf: Btf) {
    this.btf = btf;
    this.types = new Uint8Array(btf.typeCount);
  }

  hasMember(structId: number, index: number): boolean {
    return this.#members.get(structId)?.has(index) ?? false;
  }

  markMember(structId: number, index: number): void {
    const members = this.#members.get(structId);
    if (members) members.add(index);
    else this.#members.set(structId, new Set([index]));
  }

  /** Marks a type and what it is made of by value; with `followPointers`, what it points at too. Not members. */
  markType(root: number, followPointers: boolean): void {
    const pending = [root];
    const seen = new Set<number>();
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (id === 0 || seen.has(id)) continue;
      seen.add(id);
      this.types[id] = 1;
      const type = this.btf.type(id);
      switch (type.kind) {
        case K.BTF_KIND_PTR:
          if (followPointers) pending.push(type.typeId);
          break;
        case K.BTF_KIND_CONST:
        case K.BTF_KIND_RESTRICT:
        case K.BTF_KIND_VOLATILE:
        case K.BTF_KIND_TYPEDEF:
        case K.BTF_KIND_TYPE_TAG:
          pending.push(type.typeId);
          break;
        case K.BTF_KIND_ARRAY:
          pending.push(type.elemTypeId, type.indexTypeId);
          break;
        case K.BTF_KIND_FUNC_PROTO:
          pending.push(type.returnTypeId, ...type.params.map((p) => p.typeId));
          break;
        case K.BTF_KIND_UNKN:
        case K.BTF_KIND_INT:
        case K.BTF_KIND_FLOAT:
        case K.BTF_KIND_ENUM:
        case K.BTF_KIND_ENUM64:
        case K.BTF_KIND_STRUCT:
        case K.BTF_KIND_UNION:
        case K.BTF_KIND_FWD:
          break;
        default:
          throw new BtfError(`[${id}] ${K.BTF_KIND_NAMES[type.kind]} cannot be relocated to`, {
            errno: EINVAL,
            typeId: id,
          });
      }
    }
  }

  /** Marks a type with all its members, for a comparison member by member. */
  #markWhole(root: number): void {
    const pending: { id: number; behindPtr: boolean }[] = [{ id: root, behindPtr: false }];
    const seen = new Set<number>();
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { id, behindPtr } = next;
      const key = id * 2 + (behindPtr ? 1 : 0);
      if (id === 0 || seen.has(key)) continue;
      seen.add(key);
      this.types[id] = 1;
      const type = this.btf.type(id);
      switch (type.kind) {
        case K.BTF_KIND_STRUCT:
        case K.BTF_KIND_UNION:
          if (behindPtr) break;
          type.members.forEach((m, i) => {
            this.markMember(id, i);
            pending.push({ id: m.typeId, behindPtr: false });
          });
          break;
        case K.BTF_KIND_CONST:
        case K.BTF_KIND_RESTRICT:
        case K.BTF_KIND_VOLATILE:
        case K.BTF_KIND_TYPEDEF:
        case K.BTF_KIND_TYPE_TAG:
          pending.push({ id: type.typeId, behindPtr });
          break;
        case K.BTF_KIND_PTR:
          pending.push({ id: type.typeId, behindPtr: true });
          break;
        case K.BTF_KIND_ARRAY:
          pending.push({ id: type.elemTypeId, behindPtr: false }, { id: type.indexTypeId, behindPtr: false });
          break;
        case K.BTF_KIND_FUNC_PROTO:
          pending.push({ id: type.returnTypeId, behindPtr: false });
          for (const p of type.params) pending.push({ id: p.typeId, behindPtr: false });
          break;
        default:
      }
    }
  }

  /** Marks what a relocation that resolved to `spec` needs. */
  markSpec(spec: CoreSpec): void {
    if (isTypeRelo(spec.reloKind)) {
      if (spec.reloKind === BPF_CORE_TYPE_MATCHES) this.#markWhole(spec.rootTypeId);
      else this.markType(spec.rootTypeId, true);
      return;
    }
    this.markType(spec.rootTypeId, false);
    if (!isEnumvalRelo(spec.reloKind)) this.#markPath(spec);
  }

  #markPath(spec: CoreSpec): void {
    let id = spec.rootTypeId;
    for (let i = 1; i < spec.raw.length; i++) {
      if (i > 1000) throw new BtfError(`[${id}] access without end`, { errno: ELOOP, typeId: id });
      id = this.btf.skipModifiers(id);
      const type = this.btf.type(id);
      if (type.kind === K.BTF_KIND_STRUCT || type.kind === K.BTF_KIND_UNION) {
        this.markMember(id, spec.raw[i]);
        id = type.members[spec.raw[i]].typeId;
        this.markType(id, false);
      } else if (type.kind === K.BTF_KIND_ARRAY) {
        id = type.elemTypeId;
      } else {
        throw new BtfError(`[${id}] has no members`, { errno: EINVAL, typeId: id });
      }
    }
  }
}
