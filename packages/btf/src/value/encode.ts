// SPDX-License-Identifier: MIT
import { E2BIG, ERANGE, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfEnum, BtfEnum64, BtfInt, BtfMember } from '../types.ts';
import { writeBits } from './bits.ts';
import { enumValue, isCharArray, isSignedScalar } from './scalar.ts';
import { badValue, ValueWalk, type BtfValue } from './types.ts';

/** Values that we make bytes for, at most: 64 MiB. */
const MAX_SIZE = 64 * 1024 * 1024;

interface Encoder {
  readonly btf: Btf;
  readonly bytes: Uint8Array;
  readonly walk: ValueWalk;
}

interface Place {
  readonly bitOff: number;
  readonly bitSize: number;
  readonly path: string;
}

const utf8 = new TextEncoder();

function toInteger(value: BtfValue, place: Place, typeId: number): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  return badValue(place.path, `${describe(value)} is not an integer`, typeId);
}

function describe(value: BtfValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : String(value);
}

function encodeScalar(e: Encoder, type: BtfInt | BtfEnum | BtfEnum64, value: BtfValue, place: Place): void {
  const isInt = type.kind === K.BTF_KIND_INT;
  const bits = place.bitSize || (isInt ? type.bits : type.size * 8);
  if (bits === 0) return;
  let number: bigint;
  if (!isInt && typeof value === 'string') {
    const found = enumValue(e.btf, type.id, value);
    if (found === undefined) badValue(place.path, `enum ${type.name || '(anon)'} has no ${value}`, type.id);
    number = found;
  } else {
    number = toInteger(value, place, type.id);
  }
  // Enums before Linux 6.0 do not say whether they are signed.
  const fits = isInt
    ? isSignedScalar(type)
      ? BigInt.asIntN(bits, number) === number
      : BigInt.asUintN(bits, number) === number
    : BigInt.asIntN(bits, number) === number || BigInt.asUintN(bits, number) === number;
  if (!fits) badValue(place.path, `${number} does not fit ${bits} bits of ${type.name || 'enum'}`, type.id, ERANGE);
  if (isInt && type.encoding === K.BTF_INT_BOOL && number > 1n) {
    badValue(place.path, `${number} is not a boolean`, type.id, ERANGE);
  }
  const le = e.btf.littleEndian;
  const skip = le || place.bitSize ? 0 : type.size * 8 - bits;
  const bitOff = place.bitOff + (isInt ? type.bitOffset : 0) + skip;
  if (Math.ceil((bitOff + bits) / 8) > e.bytes.length) badValue(place.path, 'lies outside its struct', type.id);
  writeBits(e.bytes, { bitOff, bits, littleEndian: le }, number);
}

function putBytes(e: Encoder, typeId: number, raw: Uint8Array, room: number, place: Place): void {
  if (raw.length > room) badValue(place.path, `${raw.length} bytes do not fit ${room}`, typeId, E2BIG);
  const at = Math.floor(place.bitOff / 8);
  if (at + room > e.bytes.length) badValue(place.path, 'lies outside its struct', typeId);
  e.bytes.fill(0, at, at + room);
  e.bytes.set(raw, at);
}

function encodeArray(e: Encoder, id: number, value: BtfValue, place: Place): void {
  const { elemTypeId, nelems } = e.btf.typeOf(id, K.BTF_KIND_ARRAY);
  const elemSize = e.btf.resolveSize(elemTypeId);
  if (typeof value === 'string' && isCharArray(e.btf, elemTypeId)) {
    putBytes(e, id, utf8.encode(value), nelems, place);
    return;
  }
  if (value instanceof Uint8Array && elemSize === 1) {
    putBytes(e, id, value, nelems, place);
    return;
  }
  if (!Array.isArray(value)) badValue(place.path, `${describe(value)} is not an array`, id);
  if (value.length > nelems) badValue(place.path, `${value.length} elements do not fit ${nelems}`, id, E2BIG);
  value.forEach((item, i) => {
    encode(e, elemTypeId, item, {
      bitOff: place.bitOff + 8 * elemSize * i,
      bitSize: 0,
      path: `${place.path}[${i}]`,
    });
  });
}

function asObject(value: BtfValue, place: Place, typeId: number): { [name: string]: BtfValue } {
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array) {
    badValue(place.path, `${describe(value)} is not an object`, typeId);
  }
  return value;
}

/** Writes the members that the object has; adds their names to `known`. */
function encodeMembers(
  e: Encoder,
  members: readonly BtfMember[],
  value: { [name: string]: BtfValue },
  place: Place,
  known: Set<string>,
): void {
  for (const m of members) {
    const path = m.name ? (place.path ? `${place.path}.${m.name}` : m.name) : place.path;
    const at: Place = { bitOff: place.bitOff + m.bitOffset, bitSize: m.bitSize, path };
    if (!m.name) {
      const inner = e.btf.skipModifiers(m.typeId);
      e.walk.enter(inner, path, () => encodeMembers(e, e.btf.members(inner), value, at, known));
      continue;
    }
    known.add(m.name);
    if (Object.hasOwn(value, m.name) && value[m.name] !== undefined) encode(e, m.typeId, value[m.name], at);
  }
}

function refuseUnknown(value: object, known: ReadonlySet<string>, place: Place, typeId: number): void {
  for (const name of Object.keys(value)) {
    if (!known.has(name)) badValue(place.path, `there is no member "${name}"`, typeId);
  }
}

function encode(e: Encoder, typeId: number, value: BtfValue, place: Place): void {
  e.walk.enter(typeId, place.path, () => encodeResolved(e, e.btf.skipModifiers(typeId), value, place));
}

function encodeResolved(e: Encoder, id: number, value: BtfValue, place: Place): void {
  const type = e.btf.type(id);
  switch (type.kind) {
    case K.BTF_KIND_INT:
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
      encodeScalar(e, type, value, place);
      return;
    case K.BTF_KIND_PTR: {
      const bits = e.btf.pointerSize * 8;
      const number = toInteger(value, place, id);
      if (BigInt.asUintN(bits, number) !== number) {
        badValue(place.path, `${number} is not an address of ${bits} bits`, id, ERANGE);
      }
      if (place.bitOff / 8 + bits / 8 > e.bytes.length) badValue(place.path, 'lies outside its struct', id);
      writeBits(e.bytes, { bitOff: place.bitOff, bits, littleEndian: e.btf.littleEndian }, number);
      return;
    }
    case K.BTF_KIND_FLOAT: {
      const raw = new Uint8Array(type.size);
      const view = new DataView(raw.buffer);
      if (value instanceof Uint8Array) raw.set(value.subarray(0, type.size));
      else if (typeof value === 'number' && type.size === 4) view.setFloat32(0, value, e.btf.littleEndian);
      else if (typeof value === 'number' && type.size === 8) view.setFloat64(0, value, e.btf.littleEndian);
      else badValue(place.path, `${describe(value)} is not a float of ${type.size} bytes`, id);
      putBytes(e, id, raw, type.size, place);
      return;
    }
    case K.BTF_KIND_ARRAY:
      encodeArray(e, id, value, place);
      return;
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION: {
      const known = new Set<string>();
      const object = asObject(value, place, id);
      encodeMembers(e, type.members, object, place, known);
      refuseUnknown(object, known, place, id);
      return;
    }
    case K.BTF_KIND_VAR:
    case K.BTF_KIND_DECL_TAG:
      encode(e, type.typeId, value, place);
      return;
    case K.BTF_KIND_DATASEC: {
      const known = new Set<string>();
      const object = asObject(value, place, id);
      for (const v of type.vars) {
        const name = e.btf.name(v.typeId);
        known.add(name);
        if (!Object.hasOwn(object, name)) continue;
        encode(e, v.typeId, object[name], { bitOff: place.bitOff + 8 * v.offset, bitSize: 0, path: name });
      }
      refuseUnknown(object, known, place, id);
      return;
    }
    default:
      badValue(place.path, `${K.BTF_KIND_NAMES[type.kind]} has no values`, id);
  }
}

/**
 * Makes the bytes of a value of the type, in the BTF's byte order. Members, elements and trailing characters that are
 * not given are zero; of a union, every given member is written, in the order of declaration. Enums also take names.
 * @errno EINVAL for a value of the wrong shape; ERANGE for a number that does not fit; E2BIG for too many elements
 */
export function encodeValue(btf: Btf, typeId: number, value: BtfValue): Uint8Array {
  const size = btf.resolveSize(typeId);
  if (size > MAX_SIZE) throw new BtfError(`[${typeId}] values take ${size} bytes`, { errno: E2BIG, typeId });
  const bytes = new Uint8Array(size);
  const e: Encoder = { btf, bytes, walk: new ValueWalk(size) };
  encode(e, typeId, value, { bitOff: 0, bitSize: 0, path: '' });
  return bytes;
}
