// SPDX-License-Identifier: MIT
// A value as v5.6 prints it where a pinned map is read. @see kernel/bpf/btf.c, btf_type_seq_show
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfComposite, BtfInt } from '../types.ts';
import { readBits } from './bits.ts';

/** What v5.6 prints for a pointer before its random numbers are ready, which it hides addresses with. */
const HIDDEN_POINTER = '(____ptrval____)';

interface Shown {
  readonly btf: Btf;
  readonly bytes: Uint8Array;
}

function hex(s: Shown, bitOff: number, bits: number): string {
  const value = readBits(s.bytes, { bitOff, bits, littleEndian: s.btf.littleEndian });
  return `0x${value.toString(16)}`;
}

function showInt(s: Shown, type: BtfInt, bitOff: number): string {
  const { bits } = type;
  const whole = bitOff % 8 === 0 && type.bitOffset === 0 && [8, 16, 32, 64].includes(bits);
  if (!whole) return hex(s, bitOff + type.bitOffset, bits);
  const raw = readBits(s.bytes, { bitOff, bits, littleEndian: s.btf.littleEndian });
  return String((type.encoding & K.BTF_INT_SIGNED) !== 0 ? BigInt.asIntN(bits, raw) : raw);
}

function showMembers(s: Shown, type: BtfComposite, bitOff: number): string {
  const parts = type.members.map((member) => {
    const at = bitOff + member.bitOffset;
    return member.bitSize > 0 ? hex(s, at, member.bitSize) : show(s, member.typeId, at);
  });
  return `{${parts.join(type.kind === K.BTF_KIND_UNION ? '|' : ',')}}`;
}

function show(s: Shown, typeId: number, bitOff: number): string {
  const type = s.btf.type(typeId);
  switch (type.kind) {
    case K.BTF_KIND_INT:
      return showInt(s, type, bitOff);
    case K.BTF_KIND_TYPEDEF:
    case K.BTF_KIND_CONST:
    case K.BTF_KIND_VOLATILE:
    case K.BTF_KIND_RESTRICT:
    case K.BTF_KIND_VAR:
      return show(s, type.typeId, bitOff);
    case K.BTF_KIND_PTR:
      return HIDDEN_POINTER;
    case K.BTF_KIND_ENUM: {
      const raw = Number(
        BigInt.asIntN(32, readBits(s.bytes, { bitOff: bitOff & ~7, bits: 32, littleEndian: s.btf.littleEndian })),
      );
      return type.values.find(({ value }) => (value | 0) === raw)?.name ?? String(raw);
    }
    case K.BTF_KIND_ARRAY: {
      const elemBits = 8 * s.btf.resolveSize(type.elemTypeId);
      const elems = Array.from({ length: type.nelems }, (_, i) => show(s, type.elemTypeId, bitOff + i * elemBits));
      return `[${elems.join(',')}]`;
    }
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      return showMembers(s, type, bitOff);
    case K.BTF_KIND_DATASEC: {
      const vars = type.vars.map(({ typeId: id, offset }) => show(s, id, bitOff + 8 * offset));
      return `section ("${type.name}") = {${vars.join(',')}}`;
    }
    default:
      return `<unsupported kind:${type.kind}>`;
  }
}

/**
 * Prints a value as v5.6 does where a pinned map is read: members in order, those of a union separated by `|`,
 * bitfields in hexadecimal, pointers hidden.
 *
 * @param bytes At least as many as the type has.
 * @see kernel/bpf/btf.c, btf_type_seq_show
 */
export const showValue = (btf: Btf, typeId: number, bytes: Uint8Array): string => show({ btf, bytes }, typeId, 0);
