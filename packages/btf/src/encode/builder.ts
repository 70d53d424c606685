// SPDX-License-Identifier: MIT
import * as K from '../kinds.ts';
import { parseBtf, type Btf } from '../model/btf.ts';
import type { BtfTypeInit } from '../types.ts';
import { TypeEncoder, type EncodeBtfOptions } from './encode.ts';

/** A member for the builder; `bitSize` above 0 makes the struct carry bitfield widths. */
export interface MemberInit {
  readonly name: string;
  readonly typeId: number;
  readonly bitOffset: number;
  readonly bitSize?: number;
}

/** Adds types one by one; each method returns the new type's id. Ids of types to come may be used. */
export interface BtfBuilder {
  /** The id that the next type gets. */
  readonly nextId: number;
  add(type: BtfTypeInit): number;
  /** Offset of a string in the string section, added where missing. */
  addString(text: string): number;
  int(name: string, size: number, options?: { encoding?: number; bits?: number }): number;
  ptr(typeId: number): number;
  array(elemTypeId: number, indexTypeId: number, nelems: number): number;
  struct(name: string, size: number, members: readonly MemberInit[]): number;
  union(name: string, size: number, members: readonly MemberInit[]): number;
  typedef(name: string, typeId: number): number;
  const(typeId: number): number;
  volatile(typeId: number): number;
  funcProto(returnTypeId: number, params: readonly { name: string; typeId: number }[]): number;
  func(name: string, protoId: number, options?: { linkage?: number }): number;
  /** The blob so far. */
  bytes(): Uint8Array;
  /** The blob so far, opened. */
  build(): Btf;
}

/** Starts an empty BTF blob, on top of `base` where given. */
export function createBtfBuilder(options: EncodeBtfOptions = {}): BtfBuilder {
  const encoder = new TypeEncoder(options);
  let nextId = options.base?.typeCount ?? 1;
  const add = (type: BtfTypeInit): number => {
    encoder.add(type);
    return nextId++;
  };
  const composite =
    (kind: typeof K.BTF_KIND_STRUCT | typeof K.BTF_KIND_UNION) =>
    (name: string, size: number, members: readonly MemberInit[]): number =>
      add({
        kind,
        name,
        size,
        kflag: members.some((m) => (m.bitSize ?? 0) > 0),
        members: members.map((m) => ({ ...m, bitSize: m.bitSize ?? 0 })),
      });
  return {
    get nextId() {
      return nextId;
    },
    add,
    addString: (text) => encoder.addString(text),
    int: (name, size, { encoding = 0, bits = size * 8 } = {}) =>
      add({ kind: K.BTF_KIND_INT, name, size, encoding, bitOffset: 0, bits }),
    ptr: (typeId) => add({ kind: K.BTF_KIND_PTR, name: '', typeId }),
    array: (elemTypeId, indexTypeId, nelems) =>
      add({ kind: K.BTF_KIND_ARRAY, name: '', elemTypeId, indexTypeId, nelems }),
    struct: composite(K.BTF_KIND_STRUCT),
    union: composite(K.BTF_KIND_UNION),
    typedef: (name, typeId) => add({ kind: K.BTF_KIND_TYPEDEF, name, typeId }),
    const: (typeId) => add({ kind: K.BTF_KIND_CONST, name: '', typeId }),
    volatile: (typeId) => add({ kind: K.BTF_KIND_VOLATILE, name: '', typeId }),
    funcProto: (returnTypeId, params) => add({ kind: K.BTF_KIND_FUNC_PROTO, name: '', returnTypeId, params }),
    func: (name, protoId, { linkage = K.BTF_FUNC_GLOBAL } = {}) =>
      add({ kind: K.BTF_KIND_FUNC, name, typeId: protoId, linkage }),
    bytes: () => encoder.finish(),
    build: () => parseBtf(encoder.finish(), { base: options.base }),
  };
}
