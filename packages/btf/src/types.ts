// SPDX-License-Identifier: MIT
// Decoded BTF types: plain data, one interface per kind. Ids refer to types of the same Btf; 0 is void.
import type * as K from './kinds.ts';

interface TypeCommon {
  /** Type id, from 1. */
  readonly id: number;
  /** Empty where the type is anonymous. */
  readonly name: string;
}

/** No type at all: id 0. */
export interface BtfVoid extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_UNKN;
}

export interface BtfInt extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_INT;
  /** Bytes. */
  readonly size: number;
  /** BTF_INT_SIGNED, BTF_INT_CHAR, BTF_INT_BOOL or 0. */
  readonly encoding: number;
  /** Bits from the start of the storage; 0 in all that compilers emit today. */
  readonly bitOffset: number;
  readonly bits: number;
}

/** Kinds that say nothing but what they refer to. */
export interface BtfRef extends TypeCommon {
  readonly kind:
    | typeof K.BTF_KIND_PTR
    | typeof K.BTF_KIND_TYPEDEF
    | typeof K.BTF_KIND_VOLATILE
    | typeof K.BTF_KIND_CONST
    | typeof K.BTF_KIND_RESTRICT;
  readonly typeId: number;
}

export interface BtfArray extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_ARRAY;
  readonly elemTypeId: number;
  readonly indexTypeId: number;
  readonly nelems: number;
}

/** A member of a struct or union. */
export interface BtfMember {
  readonly name: string;
  readonly typeId: number;
  /** Bits from the start of the struct. */
  readonly bitOffset: number;
  /** Width of a bitfield in bits; 0 for a plain member and for bitfields that an INT's own bits describe. */
  readonly bitSize: number;
}

export interface BtfComposite extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_STRUCT | typeof K.BTF_KIND_UNION;
  /** Bytes. */
  readonly size: number;
  /** Offsets carry bitfield widths. */
  readonly kflag: boolean;
  readonly members: readonly BtfMember[];
}

export interface BtfEnum extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_ENUM;
  /** Bytes. */
  readonly size: number;
  /** kind_flag: since Linux 6.0, whether the values are signed. Older producers never set it. */
  readonly signed: boolean;
  /** Values in the range that `signed` gives: -2^31 to 2^31-1, or 0 to 2^32-1. */
  readonly values: readonly { readonly name: string; readonly value: number }[];
}

export interface BtfEnum64 extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_ENUM64;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface BtfFwd extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_FWD;
  readonly fwdKind: 'struct' | 'union';
}

export interface BtfFunc extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_FUNC;
  /** A FUNC_PROTO. */
  readonly typeId: number;
  /** BTF_FUNC_STATIC, BTF_FUNC_GLOBAL or BTF_FUNC_EXTERN. */
  readonly linkage: number;
}

export interface BtfFuncProto extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_FUNC_PROTO;
  readonly returnTypeId: number;
  /** A last parameter of type 0 without a name stands for `...`. */
  readonly params: readonly { readonly name: string; readonly typeId: number }[];
}

export interface BtfVar extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_VAR;
  readonly typeId: number;
  /** BTF_VAR_STATIC, BTF_VAR_GLOBAL_ALLOCATED or BTF_VAR_GLOBAL_EXTERN. */
  readonly linkage: number;
}

/** A variable's place in its section: bytes. */
export interface BtfVarSecinfo {
  readonly typeId: number;
  readonly offset: number;
  readonly size: number;
}

export interface BtfDatasec extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_DATASEC;
  readonly size: number;
  readonly vars: readonly BtfVarSecinfo[];
}

export interface BtfFloat extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_FLOAT;
  readonly size: number;
}

export interface BtfDeclTag extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_DECL_TAG;
  readonly typeId: number;
  /** Index of the member or parameter; -1 for the whole declaration. */
  readonly componentIdx: number;
  /** Since Linux 6.14: an attribute other than btf_decl_tag. */
  readonly kflag: boolean;
}

export interface BtfTypeTag extends TypeCommon {
  readonly kind: typeof K.BTF_KIND_TYPE_TAG;
  readonly typeId: number;
  /** Since Linux 6.14: an attribute other than btf_type_tag. */
  readonly kflag: boolean;
}

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfRef
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfEnum64
  | BtfFwd
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag
  | BtfTypeTag;

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never;
/** A type that has no id yet: what a builder takes. */
export type BtfTypeInit = DistributiveOmit<Exclude<BtfType, BtfVoid>, 'id'>;
