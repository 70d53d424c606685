// SPDX-License-Identifier: MIT
// How the kernel's BTF lays out a table of functions, and the value of a map that holds one.
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_STRUCT, type Btf } from '@tsbpf/btf';
import type { KernelTypes, StructOpsRow } from '@tsbpf/core';

/** What the name of a map's value begins with; the table's own name follows. */
export const VALUE_PREFIX = 'bpf_struct_ops_';

/** A member of a structure. Bytes, from the structure's beginning. */
export interface LaidMember {
  readonly name: string;
  readonly off: number;
  readonly size: number;
}

/** A member of the table itself. */
export interface TableMember extends LaidMember {
  /** The prototype, where the member is a pointer to functions. */
  readonly protoId: number | undefined;
  /** `struct module *`: who owns the table. Never a program. */
  readonly isModule: boolean;
}

/** The value of a struct_ops map: `{ refcnt, state, data }`. Offsets are from the value's beginning. */
export interface ValueLayout {
  readonly row: StructOpsRow;
  readonly valueTypeId: number;
  readonly structId: number;
  readonly sizeBytes: number;
  readonly refcntOff: number;
  readonly stateOff: number;
  readonly dataOff: number;
  readonly structBytes: number;
  readonly valueMembers: readonly LaidMember[];
  readonly members: readonly TableMember[];
}

function pointee(btf: Btf, typeId: number): number | undefined {
  const ptr = btf.skipModifiers(typeId);
  return btf.kind(ptr) === BTF_KIND_PTR ? btf.skipModifiers(btf.sizeOrType(ptr)) : undefined;
}

function laid(btf: Btf, structId: number): LaidMember[] {
  return btf.members(structId).map(({ name, bitOffset, typeId }) => ({
    name,
    off: Math.floor(bitOffset / 8),
    size: btf.resolveSize(typeId),
  }));
}

function tableMembers(btf: Btf, structId: number): TableMember[] {
  const types = btf.members(structId);
  return laid(btf, structId).map((member, i) => {
    const target = pointee(btf, types[i].typeId) ?? 0;
    const isFunc = target !== 0 && btf.kind(target) === BTF_KIND_FUNC_PROTO;
    return { ...member, protoId: isFunc ? target : undefined, isModule: target !== 0 && btf.name(target) === 'module' };
  });
}

/**
 * The layout that a BTF id of the kernel names; undefined where it is no value of a table in `rows`.
 * @see kernel/bpf/bpf_struct_ops.c, bpf_struct_ops_find_value
 */
export function valueLayout(
  types: KernelTypes,
  rows: readonly StructOpsRow[],
  typeId: number,
): ValueLayout | undefined {
  const { btf } = types;
  if (typeId === 0 || !btf.has(typeId) || btf.kind(typeId) !== BTF_KIND_STRUCT) return undefined;
  const valueName = btf.name(typeId);
  const row = rows.find(({ name }) => valueName === `${VALUE_PREFIX}${name}`);
  if (row === undefined) return undefined;
  const structId = btf.findByName(row.name, BTF_KIND_STRUCT);
  // Later kernels keep the first two in a structure of their own.
  const field = (name: string) =>
    types.tryResolve(`${valueName}.${name}`) ?? types.tryResolve(`${valueName}.common.${name}`);
  const [refcnt, state, data] = [field('refcnt'), field('state'), field('data')];
  if (structId === undefined || refcnt === undefined || state === undefined || data === undefined) return undefined;
  return {
    row,
    valueTypeId: typeId,
    structId,
    sizeBytes: btf.resolveSize(typeId),
    refcntOff: refcnt.off,
    stateOff: state.off,
    dataOff: data.off,
    structBytes: btf.resolveSize(structId),
    valueMembers: laid(btf, typeId),
    members: tableMembers(btf, structId),
  };
}

/**
 * Whether the bytes that belong to no member are zero.
 * @see kernel/bpf/bpf_struct_ops.c, check_zero_holes
 */
export function holesAreZero(bytes: Uint8Array, members: readonly LaidMember[]): boolean {
  let end = 0;
  for (const { off, size } of members) {
    if (off > end && !isZero(bytes.subarray(end, off))) return false;
    end = off + size;
  }
  return isZero(bytes.subarray(end));
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
