// SPDX-License-Identifier: MIT
import { JsonEntries, RawJson, type Json } from '../kind/def.ts';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfEnum, BtfEnum64, BtfInt } from '../types.ts';
import { readBits } from './bits.ts';
import { isCharArray } from './scalar.ts';
import { badValue, ValueWalk } from './types.ts';

interface Formatter {
  readonly btf: Btf;
  readonly bytes: Uint8Array;
  readonly walk: ValueWalk;
  readonly plain: boolean;
}

function need(f: Formatter, typeId: number, bitOff: number, bits: number): void {
  const end = Math.ceil((bitOff + bits) / 8);
  if (end > f.bytes.length) badValue('', `needs ${end} bytes, there are ${f.bytes.length}`, typeId);
}

function hex(f: Formatter, value: bigint): Json {
  const text = `0x${value.toString(16)}`;
  return f.plain ? new RawJson(text) : text;
}

function bitfield(f: Formatter, typeId: number, bitOff: number, bits: number): Json {
  need(f, typeId, bitOff, bits);
  return hex(f, bits === 0 ? 0n : readBits(f.bytes, { bitOff, bits, littleEndian: f.btf.littleEndian }));
}

function formatInt(f: Formatter, type: BtfInt, bitOff: number): Json {
  const { bits } = type;
  if (bitOff % 8 !== 0 || type.bitOffset !== 0 || bits % 8 !== 0) {
    return bitfield(f, type.id, bitOff + type.bitOffset, bits);
  }
  need(f, type.id, bitOff, bits);
  const raw = readBits(f.bytes, { bitOff, bits, littleEndian: f.btf.littleEndian });
  if (bits === 128) return hex(f, raw);
  switch (type.encoding) {
    case 0:
      return [8, 16, 32, 64].includes(bits) ? raw : hex(f, raw);
    case K.BTF_INT_SIGNED:
      return [8, 16, 32, 64].includes(bits) ? BigInt.asIntN(bits, raw) : hex(f, raw);
    case K.BTF_INT_CHAR: {
      const c = f.bytes[bitOff / 8];
      if (c >= 0x20 && c < 0x7f) return new RawJson(`"${String.fromCharCode(c)}"`);
      return new RawJson(f.plain ? `0x${c.toString(16)}` : `"\\u00${c.toString(16).padStart(2, '0')}"`);
    }
    case K.BTF_INT_BOOL:
      return f.bytes[bitOff / 8] !== 0;
    default:
      return badValue('', `INT has encoding ${type.encoding}`, type.id);
  }
}

function formatEnum(f: Formatter, type: BtfEnum | BtfEnum64, bitOff: number): Json {
  const bits = type.size * 8;
  if (![8, 16, 32, 64].includes(bits)) return badValue('', `enum of ${type.size} bytes`, type.id);
  const at = Math.floor(bitOff / 8) * 8;
  need(f, type.id, at, bits);
  const value = BigInt.asIntN(bits, readBits(f.bytes, { bitOff: at, bits, littleEndian: f.btf.littleEndian }));
  // Enumerators of 32 bits are compared as signed ones.
  const width = type.kind === K.BTF_KIND_ENUM ? 32 : 64;
  for (const v of type.values) if (BigInt.asIntN(width, BigInt(v.value)) === value) return v.name;
  return value;
}

/** Text of a char array that is printable up to a NUL; undefined where it is not. */
function charArrayText(f: Formatter, elemTypeId: number, start: number, len: number): string | undefined {
  if (!isCharArray(f.btf, elemTypeId)) return undefined;
  let text = '';
  for (let i = start; i < start + len; i++) {
    const c = f.bytes[i];
    if (c === 0) return text;
    if (c <= 0x1f || c >= 0x7f) return undefined;
    text += String.fromCharCode(c);
  }
  return undefined;
}

function formatArray(f: Formatter, id: number, bitOff: number): Json {
  const { elemTypeId, nelems } = f.btf.typeOf(id, K.BTF_KIND_ARRAY);
  const elemSize = f.btf.resolveSize(elemTypeId);
  need(f, id, bitOff, 8 * elemSize * nelems);
  const text = charArrayText(f, elemTypeId, Math.floor(bitOff / 8), nelems);
  if (text !== undefined) return text;
  const items: Json[] = [];
  for (let i = 0; i < nelems; i++) items.push(format(f, elemTypeId, bitOff + 8 * elemSize * i));
  return items;
}

function format(f: Formatter, typeId: number, bitOff: number): Json {
  return f.walk.enter(typeId, '', () => formatResolved(f, f.btf.skipModifiers(typeId), bitOff));
}

function formatResolved(f: Formatter, id: number, bitOff: number): Json {
  const type = f.btf.type(id);
  switch (type.kind) {
    case K.BTF_KIND_UNKN:
      return new RawJson('(unknown)');
    case K.BTF_KIND_INT:
      return formatInt(f, type, bitOff);
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
      return formatEnum(f, type, bitOff);
    case K.BTF_KIND_PTR: {
      need(f, id, bitOff, 64);
      const value = readBits(f.bytes, { bitOff, bits: 64, littleEndian: f.btf.littleEndian });
      if (!f.plain) return value;
      return new RawJson(value === 0n ? '(nil)' : `0x${value.toString(16)}`);
    }
    case K.BTF_KIND_ARRAY:
      return formatArray(f, id, bitOff);
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      // Entries, not an object: anonymous members share the name "".
      return new JsonEntries(
        type.members.map((m): [string, Json] => [
          m.name,
          m.bitSize > 0
            ? bitfield(f, m.typeId, bitOff + m.bitOffset, m.bitSize)
            : format(f, m.typeId, bitOff + m.bitOffset),
        ]),
      );
    case K.BTF_KIND_VAR:
      return new JsonEntries([[type.name, format(f, type.typeId, bitOff)]]);
    case K.BTF_KIND_DATASEC:
      return new JsonEntries([[type.name, type.vars.map((v) => format(f, v.typeId, bitOff + 8 * v.offset))]]);
    default:
      return badValue('', `${K.BTF_KIND_NAMES[type.kind]} is not printable`, id);
  }
}

/**
 * A value as `bpftool map dump` prints it under a map's BTF: pass the result to formatJson. With `plain`, as without
 * `-j`: pointers and bitfields are bare hexadecimal numbers, which JSON does not have.
 * @errno EINVAL where the bytes are too few, or bpftool does not print the type (FLOAT, FWD, FUNC)
 */
export function formatValue(btf: Btf, typeId: number, bytes: Uint8Array, options: { plain?: boolean } = {}): Json {
  const f: Formatter = { btf, bytes, walk: new ValueWalk(bytes.length), plain: options.plain ?? false };
  return format(f, typeId, 0);
}
