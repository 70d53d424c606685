// SPDX-License-Identifier: MIT
// Definitions and declarations of structs, unions, enums and typedefs.
import * as K from '../kinds.ts';
import type { BtfComposite, BtfEnum, BtfEnum64, BtfFwd, BtfRef } from '../types.ts';
import { padding } from './padding.ts';
import type { CDumpState } from './state.ts';

/** Writes the declaration of a name of some type; declarations and definitions contain each other. */
export type WriteDecl = (d: CDumpState, id: number, name: string, level: number) => void;

/** libbpf indents no further than this. */
const MAX_TABS = 13;

export function tabs(level: number): string {
  return '\t'.repeat(Math.min(level, MAX_TABS));
}

function keyword(type: BtfComposite): string {
  return type.kind === K.BTF_KIND_STRUCT ? 'struct' : 'union';
}

export function writeCompositeName(d: CDumpState, type: BtfComposite): void {
  d.write(`${keyword(type)}${type.name ? ' ' : ''}${d.typeName(type)}`);
}

/** A struct is packed where its layout is not what alignment alone would give. */
function isPacked(d: CDumpState, type: BtfComposite): boolean {
  let max = 1;
  for (const m of type.members) {
    const align = d.alignOf(m.typeId);
    if (align > 0 && m.bitSize === 0 && m.bitOffset % (8 * align) !== 0) return true;
    max = Math.max(max, align);
  }
  return type.size % max !== 0;
}

function sizeOrZero(d: CDumpState, id: number): number {
  try {
    return d.btf.resolveSize(id);
  } catch {
    return 0;
  }
}

export function writeComposite(d: CDumpState, type: BtfComposite, level: number, writeDecl: WriteDecl): void {
  const isStruct = type.kind === K.BTF_KIND_STRUCT;
  const packed = isStruct && isPacked(d, type);
  const inner = tabs(level + 1);
  writeCompositeName(d, type);
  d.write(' {');
  let at = 0;
  let afterBitfield = false;
  const pad = (to: number, nextAlign: number, inBitfield: boolean): void => {
    for (const text of padding({ from: at, to, nextAlign, inBitfield, pointerSize: d.pointerSize })) {
      d.write(`\n${inner}${text};`);
    }
  };
  for (const m of type.members) {
    const isBitfield = m.bitSize > 0;
    pad(m.bitOffset, packed ? 1 : d.alignOf(m.typeId), afterBitfield && isBitfield);
    d.write(`\n${inner}`);
    writeDecl(d, m.typeId, m.name, level + 1);
    if (isBitfield) d.write(`: ${m.bitSize}`);
    at = m.bitOffset + (isBitfield ? m.bitSize : 8 * sizeOrZero(d, m.typeId));
    afterBitfield = isBitfield;
    d.write(';');
  }
  if (isStruct) pad(type.size * 8, packed ? 1 : d.alignOf(type.id), false);
  d.write(type.members.length > 0 || type.size > 0 ? `\n${tabs(level)}}` : '}');
  if (packed) d.write(' __attribute__((packed))');
}

export function writeEnumName(d: CDumpState, type: BtfEnum | BtfEnum64): void {
  d.write(`enum${type.name ? ' ' : ''}${d.typeName(type)}`);
}

export function writeEnum(d: CDumpState, type: BtfEnum | BtfEnum64, level: number): void {
  writeEnumName(d, type);
  if (type.values.length === 0) return;
  const suffix = type.kind === K.BTF_KIND_ENUM64 ? (type.signed ? 'LL' : 'ULL') : '';
  d.write(' {');
  for (const v of type.values) d.write(`\n${tabs(level + 1)}${d.enumeratorName(v.name)} = ${v.value}${suffix},`);
  d.write(`\n${tabs(level)}}`);
}

export function writeFwd(d: CDumpState, type: BtfFwd): void {
  d.write(`${type.fwdKind} ${d.typeName(type)}`);
}

export function writeTypedef(d: CDumpState, type: BtfRef, level: number, writeDecl: WriteDecl): void {
  const name = d.identName(type);
  // Old compilers describe it as a typedef of void.
  if (type.typeId === 0 && name === '__gnuc_va_list') {
    d.write('typedef __builtin_va_list __gnuc_va_list');
    return;
  }
  d.write('typedef ');
  writeDecl(d, type.typeId, name, level);
}
