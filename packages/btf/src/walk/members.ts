// SPDX-License-Identifier: MIT
// Walks over structs and arrays for those who check or make accesses.
import { EINVAL, ENOENT, ELOOP, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfMember } from '../types.ts';

/** A member found, with its place in the outermost struct. */
export interface MemberPlace {
  readonly name: string;
  /** The member's declared type. */
  readonly typeId: number;
  /** Bits from the outermost struct's start. */
  readonly bitOffset: number;
  /** Width of a bitfield; 0 for a plain member. */
  readonly bitSize: number;
  /** Struct or union that declares it, and its number there. */
  readonly structId: number;
  readonly index: number;
}

/** Structs in one another that a search enters. */
const MAX_DEPTH = 64;

/** Elements of an array whose dimensions are laid end to end. */
export interface LinearArray {
  /** Element type: no array, modifiers skipped. */
  readonly elemTypeId: number;
  readonly elemSize: number;
  /** Product of all dimensions; 0 for a flexible array. */
  readonly nelems: number;
}

/** An array of arrays as one row of elements; undefined where the type is no array. */
export function linearArray(btf: Btf, id: number): LinearArray | undefined {
  let at = btf.skipModifiers(id);
  if (btf.kind(at) !== K.BTF_KIND_ARRAY) return undefined;
  let nelems = 1;
  for (let depth = 0; btf.kind(at) === K.BTF_KIND_ARRAY; depth++) {
    if (depth > MAX_DEPTH) throw new BtfError(`[${id}] arrays nest without end`, { errno: ELOOP, typeId: id });
    nelems *= btf.extraWord(at, 2);
    at = btf.skipModifiers(btf.extraWord(at, 0));
  }
  return { elemTypeId: at, elemSize: btf.resolveSize(at), nelems };
}

/** Bytes that a member spans, a bitfield's partial bytes included: first, and one past the last. */
export function memberSpan(btf: Btf, member: BtfMember): { start: number; end: number } {
  const start = Math.floor(member.bitOffset / 8);
  if (member.bitSize > 0) return { start, end: Math.ceil((member.bitOffset + member.bitSize) / 8) };
  return { start, end: start + btf.resolveSize(member.typeId) };
}

/**
 * The member of a struct or union, by name, in anonymous members too; undefined where it has none. Modifiers around
 * the struct are skipped.
 */
export function findMember(btf: Btf, structId: number, name: string): MemberPlace | undefined {
  return find(btf, btf.skipModifiers(structId), name, 0, 0);
}

function find(btf: Btf, structId: number, name: string, bitOff: number, depth: number): MemberPlace | undefined {
  if (depth > MAX_DEPTH) {
    throw new BtfError(`[${structId}] structs nest without end`, { errno: ELOOP, typeId: structId });
  }
  const members = btf.members(structId);
  for (const [index, m] of members.entries()) {
    const bitOffset = bitOff + m.bitOffset;
    if (m.name === name) {
      return { name, typeId: m.typeId, bitOffset, bitSize: m.bitSize, structId, index };
    }
    if (m.name !== '') continue;
    const inner = find(btf, btf.skipModifiers(m.typeId), name, bitOffset, depth + 1);
    if (inner) return inner;
  }
  return undefined;
}

/**
 * Every member that covers the byte, outermost first, through nested structs, unions and arrays: what lies there.
 * Empty where it is padding.
 */
export function membersAt(btf: Btf, structId: number, byteOff: number): MemberPlace[] {
  const found: MemberPlace[] = [];
  cover(btf, btf.skipModifiers(structId), byteOff, 0, found, 0);
  return found;
}

/** The innermost member that covers the byte; in a union, the first that does. Undefined for padding. */
export function memberAt(btf: Btf, structId: number, byteOff: number): MemberPlace | undefined {
  let best: MemberPlace | undefined;
  let id = btf.skipModifiers(structId);
  let base = 0;
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const index = btf.members(id).findIndex((m) => covers(btf, m, byteOff - base));
    if (index < 0) return best;
    const m = btf.members(id)[index];
    const place = { name: m.name, typeId: m.typeId, bitOffset: base * 8 + m.bitOffset, bitSize: m.bitSize };
    best = { ...place, structId: id, index };
    const inside = enter(btf, m, byteOff - base);
    if (!inside) return best;
    base += inside.byteOff;
    id = inside.structId;
  }
  throw new BtfError(`[${structId}] structs nest without end`, { errno: ELOOP, typeId: structId });
}

function covers(btf: Btf, m: BtfMember, byteOff: number): boolean {
  const { start, end } = memberSpan(btf, m);
  return byteOff >= start && byteOff < end;
}

/** The struct inside a member that holds the byte, through arrays, and where it begins. */
function enter(btf: Btf, m: BtfMember, byteOff: number): { structId: number; byteOff: number } | undefined {
  const start = Math.floor(m.bitOffset / 8);
  const id = btf.skipModifiers(m.typeId);
  const array = linearArray(btf, id);
  const elem = array?.elemTypeId ?? id;
  const kind = btf.kind(elem);
  if (kind !== K.BTF_KIND_STRUCT && kind !== K.BTF_KIND_UNION) return undefined;
  const within = array && array.elemSize > 0 ? Math.floor((byteOff - start) / array.elemSize) * array.elemSize : 0;
  return { structId: elem, byteOff: start + within };
}

function cover(btf: Btf, structId: number, byteOff: number, base: number, found: MemberPlace[], depth: number): void {
  if (depth > MAX_DEPTH || found.length > 4096) {
    throw new BtfError(`[${structId}] structs nest without end`, { errno: ELOOP, typeId: structId });
  }
  for (const [index, m] of btf.members(structId).entries()) {
    if (!covers(btf, m, byteOff - base)) continue;
    found.push({
      name: m.name,
      typeId: m.typeId,
      bitOffset: base * 8 + m.bitOffset,
      bitSize: m.bitSize,
      structId,
      index,
    });
    const inside = enter(btf, m, byteOff - base);
    if (inside) cover(btf, inside.structId, byteOff, base + inside.byteOff, found, depth + 1);
  }
}

/**
 * The place that a C path such as `sk.__sk_common.skc_daddr` or `cb[3]` names in a struct.
 * @errno ENOENT where a member is missing; EINVAL where the path is malformed or does not fit the types
 */
export function resolvePath(
  btf: Btf,
  structId: number,
  path: string,
): { typeId: number; bitOffset: number; bitSize: number } {
  let at = { typeId: structId, bitOffset: 0, bitSize: 0 };
  const steps = path.match(/[^.[\]]+|\[\d+\]/g) ?? [];
  if (steps.join('') !== path.replaceAll('.', '')) {
    throw new BtfError(`"${path}" is not a path of members`, { errno: EINVAL, typeId: structId });
  }
  for (const step of steps) {
    if (step.startsWith('[')) {
      const array = btf.type(btf.skipModifiers(at.typeId));
      const index = Number(step.slice(1, -1));
      if (array.kind !== K.BTF_KIND_ARRAY || (array.nelems > 0 && index >= array.nelems)) {
        throw new BtfError(`"${path}": ${step} is not in an array`, { errno: EINVAL, typeId: structId });
      }
      const bitOffset = at.bitOffset + 8 * index * btf.resolveSize(array.elemTypeId);
      at = { typeId: array.elemTypeId, bitOffset, bitSize: 0 };
      continue;
    }
    const member = findMember(btf, at.typeId, step);
    if (!member) {
      const owner = btf.name(btf.skipModifiers(at.typeId)) || '(anon)';
      throw new BtfError(`"${path}": ${owner} has no member ${step}`, { errno: ENOENT, typeId: structId });
    }
    at = { typeId: member.typeId, bitOffset: at.bitOffset + member.bitOffset, bitSize: member.bitSize };
  }
  return at;
}
