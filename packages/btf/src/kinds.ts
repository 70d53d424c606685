// SPDX-License-Identifier: MIT
// The numbers of the BTF format. @see include/uapi/linux/btf.h

export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;
/** Bytes of the header as v5.6 knows it. */
export const BTF_HEADER_LEN = 24;
/** Highest type id. */
export const BTF_MAX_TYPE = 0x000fffff;
/** Highest offset into the string section. */
export const BTF_MAX_NAME_OFFSET = 0x00ffffff;
/** Largest blob that BPF_BTF_LOAD takes, in bytes. */
export const BTF_MAX_SIZE = 16 * 1024 * 1024;

export const BTF_KIND_UNKN = 0;
export const BTF_KIND_INT = 1;
export const BTF_KIND_PTR = 2;
export const BTF_KIND_ARRAY = 3;
export const BTF_KIND_STRUCT = 4;
export const BTF_KIND_UNION = 5;
export const BTF_KIND_ENUM = 6;
export const BTF_KIND_FWD = 7;
export const BTF_KIND_TYPEDEF = 8;
export const BTF_KIND_VOLATILE = 9;
export const BTF_KIND_CONST = 10;
export const BTF_KIND_RESTRICT = 11;
export const BTF_KIND_FUNC = 12;
export const BTF_KIND_FUNC_PROTO = 13;
export const BTF_KIND_VAR = 14;
export const BTF_KIND_DATASEC = 15;
export const BTF_KIND_FLOAT = 16;
export const BTF_KIND_DECL_TAG = 17;
export const BTF_KIND_TYPE_TAG = 18;
export const BTF_KIND_ENUM64 = 19;
/** Highest kind that the format has. */
export const BTF_KIND_LAST = 19;

/** Encoding bits of an INT. */
export const BTF_INT_SIGNED = 1;
export const BTF_INT_CHAR = 2;
export const BTF_INT_BOOL = 4;

/** Linkage of a FUNC. */
export const BTF_FUNC_STATIC = 0;
export const BTF_FUNC_GLOBAL = 1;
export const BTF_FUNC_EXTERN = 2;

/** Linkage of a VAR. */
export const BTF_VAR_STATIC = 0;
export const BTF_VAR_GLOBAL_ALLOCATED = 1;
export const BTF_VAR_GLOBAL_EXTERN = 2;

/** Name of a kind as `bpftool btf dump` and the kernel's log print it, by number; 0 is void. */
export const BTF_KIND_NAMES: readonly string[] = [
  'UNKNOWN',
  'INT',
  'PTR',
  'ARRAY',
  'STRUCT',
  'UNION',
  'ENUM',
  'FWD',
  'TYPEDEF',
  'VOLATILE',
  'CONST',
  'RESTRICT',
  'FUNC',
  'FUNC_PROTO',
  'VAR',
  'DATASEC',
  'FLOAT',
  'DECL_TAG',
  'TYPE_TAG',
  'ENUM64',
];

/** Fields of a type record's `info` word. */
export function infoKind(info: number): number {
  return (info >>> 24) & 0x1f;
}
export function infoVlen(info: number): number {
  return info & 0xffff;
}
export function infoKflag(info: number): boolean {
  return info >>> 31 === 1;
}
/** Packs an `info` word. */
export function packInfo(kind: number, vlen: number, kflag: boolean): number {
  return (((kflag ? 1 << 31 : 0) | (kind << 24) | vlen) >>> 0) as number;
}
