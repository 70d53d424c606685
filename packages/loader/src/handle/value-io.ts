// SPDX-License-Identifier: MIT
// Readers and writers of one type, made once: for maps whose elements are read and written by the million.
import * as btfKinds from '@tsbpf/btf';
import type { Btf, BtfValue } from '@tsbpf/btf';

/** Reads a value at a byte of the view. */
export type ValueReader = (view: DataView, at: number) => BtfValue;
/** Writes a value at a byte of the view, all of its bytes; false where it is nothing that it knows how to write. */
export type ValueWriter = (view: DataView, at: number, value: unknown) => boolean;

const { BTF_INT_BOOL, BTF_INT_SIGNED, BTF_KIND_ARRAY, BTF_KIND_ENUM, BTF_KIND_ENUM64, BTF_KIND_INT } = btfKinds;
const { BTF_KIND_PTR, BTF_KIND_STRUCT } = btfKinds;

interface Scalar {
  readonly size: number;
  readonly signed: boolean;
  readonly bool: boolean;
  readonly littleEndian: boolean;
}

/** Deeper structs than this are left to the general codec, which also knows where to stop. */
const MAX_DEPTH = 8;

/** A plain integer of 1, 2, 4 or 8 bytes. */
export function scalarReader({ size, signed, bool, littleEndian: le }: Scalar): ValueReader | undefined {
  if (bool) return size === 1 ? (view, at) => view.getUint8(at) !== 0 : undefined;
  switch (size) {
    case 1:
      return signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at);
    case 2:
      return signed ? (view, at) => view.getInt16(at, le) : (view, at) => view.getUint16(at, le);
    case 4:
      return signed ? (view, at) => view.getInt32(at, le) : (view, at) => view.getUint32(at, le);
    case 8:
      return signed ? (view, at) => view.getBigInt64(at, le) : (view, at) => view.getBigUint64(at, le);
    default:
      return undefined;
  }
}

const U32 = 2 ** 32;

/** `lenient`: numbers of either sign, as integers without a type are. */
export function scalarWriter(scalar: Scalar & { readonly lenient?: boolean }): ValueWriter | undefined {
  const { size, signed, bool, littleEndian: le, lenient = false } = scalar;
  if (bool) return undefined;
  if (size === 8) {
    return (view, at, value) => {
      if (typeof value === 'number') {
        if (!Number.isSafeInteger(value) || value < 0) return false;
        view.setUint32(le ? at : at + 4, value, le);
        view.setUint32(le ? at + 4 : at, value / U32, le);
        return true;
      }
      if (typeof value !== 'bigint') return false;
      if ((signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) !== value) return false;
      view.setBigUint64(at, value, le);
      return true;
    };
  }
  const bits = size * 8;
  const lowest = signed || lenient ? -(2 ** (bits - 1)) : 0;
  const highest = signed && !lenient ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const fits = (value: unknown): value is number =>
    typeof value === 'number' && value >= lowest && value <= highest && Number.isInteger(value);
  switch (size) {
    case 1:
      return (view, at, value) => fits(value) && (view.setUint8(at, value), true);
    case 2:
      return (view, at, value) => fits(value) && (view.setUint16(at, value, le), true);
    case 4:
      return (view, at, value) => fits(value) && (view.setUint32(at, value, le), true);
    default:
      return undefined;
  }
}

/** The scalar that a type is; undefined for a type that is none, or one of unusual shape. */
function scalarOf(btf: Btf, typeId: number): Scalar | undefined {
  const type = btf.type(btf.skipModifiers(typeId));
  const { littleEndian } = btf;
  switch (type.kind) {
    case BTF_KIND_INT:
      if (type.bits !== type.size * 8 || type.bitOffset !== 0) return undefined;
      return {
        size: type.size,
        signed: (type.encoding & BTF_INT_SIGNED) !== 0,
        bool: type.encoding === BTF_INT_BOOL,
        littleEndian,
      };
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      return { size: type.size, signed: type.signed, bool: false, littleEndian };
    case BTF_KIND_PTR:
      return btf.pointerSize === 8 ? { size: 8, signed: false, bool: false, littleEndian } : undefined;
    default:
      return undefined;
  }
}

interface Member {
  readonly name: string;
  readonly at: number;
  readonly typeId: number;
}

/** The members of a struct of which each has a name and bytes of its own; undefined for any other. */
function plainMembers(btf: Btf, typeId: number): Member[] | undefined {
  const id = btf.skipModifiers(typeId);
  if (btf.type(id).kind !== BTF_KIND_STRUCT) return undefined;
  const members: Member[] = [];
  for (const { name, bitOffset, bitSize, typeId: memberType } of btf.members(id)) {
    if (name === '' || name === '__proto__' || bitSize !== 0 || bitOffset % 8 !== 0) return undefined;
    members.push({ name, at: bitOffset / 8, typeId: memberType });
  }
  return members.length === 0 ? undefined : members;
}

/** A reader of a scalar, a struct of such, or an array of such; undefined where the general codec must do it. */
export function compileReader(btf: Btf, typeId: number, depth = 0): ValueReader | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const scalar = scalarOf(btf, typeId);
  if (scalar !== undefined) return scalarReader(scalar);
  const array = btf.type(btf.skipModifiers(typeId));
  if (array.kind === BTF_KIND_ARRAY) {
    const size = btf.resolveSize(array.elemTypeId);
    // Arrays of one byte each may be text.
    const elem = size === 1 ? undefined : compileReader(btf, array.elemTypeId, depth + 1);
    if (elem === undefined) return undefined;
    const { nelems } = array;
    return (view, at) => {
      const values: BtfValue[] = [];
      for (let i = 0; i < nelems; i++) values.push(elem(view, at + i * size));
      return values;
    };
  }
  const members = plainMembers(btf, typeId)?.map(({ name, at, typeId: memberType }) => ({
    name,
    at,
    read: compileReader(btf, memberType, depth + 1),
  }));
  if (members === undefined || members.some(({ read }) => read === undefined)) return undefined;
  return (view, at) => {
    const value: { [member: string]: BtfValue } = {};
    for (const member of members) value[member.name] = (member.read as ValueReader)(view, at + member.at);
    return value;
  };
}

/** A writer of a scalar or a struct of such; undefined where the general codec must do it. */
export function compileWriter(btf: Btf, typeId: number, depth = 0): ValueWriter | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const scalar = scalarOf(btf, typeId);
  if (scalar !== undefined) return scalarWriter(scalar);
  const members = plainMembers(btf, typeId)?.map(({ name, at, typeId: memberType }) => ({
    name,
    at,
    write: compileWriter(btf, memberType, depth + 1),
  }));
  if (members === undefined || members.some(({ write }) => write === undefined)) return undefined;
  const size = btf.resolveSize(typeId);
  return (view, at, value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
      return false;
    const given = value as { readonly [member: string]: unknown };
    for (let i = 0; i < size; i++) view.setUint8(at + i, 0);
    let known = 0;
    for (const member of members) {
      if (!Object.hasOwn(given, member.name)) continue;
      known++;
      const part = given[member.name];
      if (part !== undefined && !(member.write as ValueWriter)(view, at + member.at, part)) return false;
    }
    return known === Object.keys(given).length;
  };
}
