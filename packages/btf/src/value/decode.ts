// SPDX-License-Identifier: MIT
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfEnum, BtfEnum64, BtfInt, BtfMember } from '../types.ts';
import { readBits } from './bits.ts';
import { isCharArray, isSignedScalar } from './scalar.ts';
import { badValue, ValueWalk, type BtfValue } from './types.ts';

export interface DecodeValueOptions {
  /** Where the value begins, in bits from the bytes' start. */
  readonly bitOff?: number;
  /** `char[]` as a string up to its first NUL (the default; bytes where it is not UTF-8), or always as its bytes. */
  readonly charArrays?: 'string' | 'bytes';
}

interface Decoder {
  readonly btf: Btf;
  readonly bytes: Uint8Array;
  readonly walk: ValueWalk;
  readonly charArrays: 'string' | 'bytes';
}

interface Place {
  readonly bitOff: number;
  /** Width of a bitfield; 0 for a plain value. */
  readonly bitSize: number;
  readonly path: string;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function need(d: Decoder, typeId: number, place: Place, bits: number): void {
  const end = Math.ceil((place.bitOff + bits) / 8);
  if (end > d.bytes.length) {
    badValue(place.path, `needs ${end} bytes, there are ${d.bytes.length}`, typeId);
  }
}

function decodeScalar(d: Decoder, type: BtfInt | BtfEnum | BtfEnum64, place: Place): BtfValue {
  const isInt = type.kind === K.BTF_KIND_INT;
  const plainBits = isInt ? type.bits : type.size * 8;
  const bits = place.bitSize || plainBits;
  const bitOff = place.bitOff + (isInt ? type.bitOffset : 0);
  if (bits === 0) return 0;
  need(d, type.id, { ...place, bitOff }, bits);
  // An INT narrower than its storage lies at the low end, which in big-endian storage is the far one.
  const le = d.btf.littleEndian;
  const skip = le || place.bitSize ? 0 : type.size * 8 - bits;
  const raw = readBits(d.bytes, { bitOff: bitOff + skip, bits, littleEndian: le });
  if (isInt && type.encoding === K.BTF_INT_BOOL) return raw !== 0n;
  const value = isSignedScalar(type) ? BigInt.asIntN(bits, raw) : raw;
  return type.size > 4 ? value : Number(value);
}

function decodeFloat(d: Decoder, typeId: number, size: number, place: Place): BtfValue {
  need(d, typeId, place, size * 8);
  const at = d.bytes.byteOffset + Math.floor(place.bitOff / 8);
  const view = new DataView(d.bytes.buffer, at, size);
  if (size === 4) return view.getFloat32(0, d.btf.littleEndian);
  if (size === 8) return view.getFloat64(0, d.btf.littleEndian);
  return new Uint8Array(d.bytes.buffer, at, size).slice();
}

function decodeArray(d: Decoder, id: number, place: Place): BtfValue {
  const { elemTypeId, nelems } = d.btf.typeOf(id, K.BTF_KIND_ARRAY);
  const elemSize = d.btf.resolveSize(elemTypeId);
  need(d, id, place, 8 * elemSize * nelems);
  if (isCharArray(d.btf, elemTypeId)) {
    const start = Math.floor(place.bitOff / 8);
    const raw = d.bytes.subarray(start, start + nelems);
    if (d.charArrays === 'bytes') return new Uint8Array(raw);
    const nul = raw.indexOf(0);
    try {
      return utf8.decode(nul < 0 ? raw : raw.subarray(0, nul));
    } catch {
      return new Uint8Array(raw);
    }
  }
  const values: BtfValue[] = [];
  for (let i = 0; i < nelems; i++) {
    values.push(
      decode(d, elemTypeId, {
        bitOff: place.bitOff + 8 * elemSize * i,
        bitSize: 0,
        path: `${place.path}[${i}]`,
      }),
    );
  }
  return values;
}

function setMember(target: { [name: string]: BtfValue }, name: string, value: BtfValue): void {
  // A member may be called __proto__.
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function decodeMembers(
  d: Decoder,
  members: readonly BtfMember[],
  place: Place,
  target: { [name: string]: BtfValue },
): void {
  for (const m of members) {
    const path = m.name ? (place.path ? `${place.path}.${m.name}` : m.name) : place.path;
    const at: Place = { bitOff: place.bitOff + m.bitOffset, bitSize: m.bitSize, path };
    if (m.name) {
      setMember(target, m.name, decode(d, m.typeId, at));
    } else {
      const inner = d.btf.skipModifiers(m.typeId);
      d.walk.enter(inner, path, () => decodeMembers(d, d.btf.members(inner), at, target));
    }
  }
}

function decode(d: Decoder, typeId: number, place: Place): BtfValue {
  return d.walk.enter(typeId, place.path, () => decodeResolved(d, d.btf.skipModifiers(typeId), place));
}

function decodeResolved(d: Decoder, id: number, place: Place): BtfValue {
  const type = d.btf.type(id);
  switch (type.kind) {
    case K.BTF_KIND_INT:
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
      return decodeScalar(d, type, place);
    case K.BTF_KIND_PTR: {
      const bits = d.btf.pointerSize * 8;
      need(d, id, place, bits);
      return readBits(d.bytes, { bitOff: place.bitOff, bits, littleEndian: d.btf.littleEndian });
    }
    case K.BTF_KIND_FLOAT:
      return decodeFloat(d, id, type.size, place);
    case K.BTF_KIND_ARRAY:
      return decodeArray(d, id, place);
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION: {
      need(d, id, place, type.size * 8);
      const target: { [name: string]: BtfValue } = {};
      decodeMembers(d, type.members, place, target);
      return target;
    }
    case K.BTF_KIND_VAR:
    case K.BTF_KIND_DECL_TAG:
      return decode(d, type.typeId, place);
    case K.BTF_KIND_DATASEC: {
      const target: { [name: string]: BtfValue } = {};
      for (const v of type.vars) {
        const name = d.btf.name(v.typeId);
        setMember(target, name, decode(d, v.typeId, { bitOff: place.bitOff + 8 * v.offset, bitSize: 0, path: name }));
      }
      return target;
    }
    default:
      return badValue(place.path, `${K.BTF_KIND_NAMES[type.kind]} has no values`, id);
  }
}

/**
 * Reads a value of the type from bytes in the BTF's byte order.
 * @errno EINVAL where the bytes are too few or the type has no values; ELOOP, E2BIG for types without end
 */
export function decodeValue(btf: Btf, typeId: number, bytes: Uint8Array, options: DecodeValueOptions = {}): BtfValue {
  const { bitOff = 0, charArrays = 'string' } = options;
  const d: Decoder = { btf, bytes, walk: new ValueWalk(bytes.length), charArrays };
  return decode(d, typeId, { bitOff, bitSize: 0, path: '' });
}
