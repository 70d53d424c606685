// SPDX-License-Identifier: MIT
import { E2BIG, EINVAL, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import { coreReloKindName, isEnumvalRelo, isFieldRelo, isTypeRelo } from './kinds.ts';
import type { CoreLog } from './log.ts';

/** Most numbers that an access string may have, and most steps that matching it may take. */
export const CORE_SPEC_MAX_LEN = 64;

/** One step of an access: a named member, an array index, or (the first) an index of the root. */
export interface CoreAccessor {
  /** What the step is taken in: the struct of the member, or the element's type. */
  readonly typeId: number;
  /** Number of the member or enumerator, or the array index. */
  readonly idx: number;
  /** Name of the member or enumerator; undefined for an array index. */
  readonly name: string | undefined;
}

/** An access in one BTF: what a relocation's string means there. */
export interface CoreSpec {
  readonly btf: Btf;
  readonly rootTypeId: number;
  readonly reloKind: number;
  /** Named members and array indexes; anonymous members are not steps of their own. */
  readonly accessors: readonly CoreAccessor[];
  /** Every index, those of anonymous members included. */
  readonly raw: readonly number[];
  /** Where the access ends, in bits from the root's start. */
  readonly bitOffset: number;
}

function bad(typeId: number, message: string, errno: number = EINVAL): never {
  throw new BtfError(message, { errno, typeId });
}

/** Whether a zero-length array is the last member of its struct, and may be indexed without a bound. */
export function isFlexArray(btf: Btf, before: CoreAccessor | undefined, nelems: number): boolean {
  if (before?.name === undefined || nelems > 0) return false;
  return before.idx === btf.vlen(before.typeId) - 1;
}

function parseNumbers(text: string, typeId: number): number[] {
  if (text === '' || text.startsWith(':')) bad(typeId, `access string "${text}" is malformed`);
  const numbers: number[] = [];
  for (const part of text.split(':')) {
    if (!/^[+-]?\d+$/.test(part)) bad(typeId, `access string "${text}" is malformed`);
    if (numbers.length === CORE_SPEC_MAX_LEN) bad(typeId, `access string "${text}" is too long`, E2BIG);
    // Negative indexes are huge unsigned ones: nothing has that many members.
    numbers.push(Number(part) >>> 0);
  }
  return numbers;
}

/** Name of an enumerator, whichever the width of the enum. */
export function enumeratorAt(btf: Btf, id: number, idx: number): { name: string; value: bigint } {
  const type = btf.typeOf(id, K.BTF_KIND_ENUM, K.BTF_KIND_ENUM64);
  const { name, value } = type.values[idx];
  return { name, value: typeof value === 'bigint' ? value : BigInt(value) };
}

export function isAnyEnum(kind: number): boolean {
  return kind === K.BTF_KIND_ENUM || kind === K.BTF_KIND_ENUM64;
}

/**
 * Reads a relocation's access string, such as `0:1:2`, in the program's own BTF.
 * @errno EINVAL where it is malformed or does not fit the type; E2BIG beyond 64 numbers
 * @see tools/lib/bpf/relo_core.c
 */
export function parseCoreSpec(
  btf: Btf,
  relo: { typeId: number; accessStr: string; kind: number },
  options: { progName: string; log: CoreLog },
): CoreSpec {
  const { typeId, accessStr, kind } = relo;
  const head = { btf, rootTypeId: typeId, reloKind: kind };
  if (isTypeRelo(kind)) {
    if (accessStr !== '0') bad(typeId, `access string "${accessStr}" of a type relocation must be "0"`);
    return { ...head, accessors: [], raw: [], bitOffset: 0 };
  }
  const raw = parseNumbers(accessStr, typeId);
  let id = btf.skipModifiers(typeId);
  if (isEnumvalRelo(kind)) {
    if (!isAnyEnum(btf.kind(id)) || raw.length > 1 || raw[0] >= btf.vlen(id)) {
      bad(typeId, `access string "${accessStr}" names no enumerator of [${id}]`);
    }
    const { name } = enumeratorAt(btf, id, raw[0]);
    return { ...head, accessors: [{ typeId: id, idx: raw[0], name }], raw, bitOffset: 0 };
  }
  if (!isFieldRelo(kind)) bad(typeId, `unknown CO-RE relocation kind ${kind}`);

  const accessors: CoreAccessor[] = [{ typeId: id, idx: raw[0], name: undefined }];
  let bitOffset = raw[0] * btf.resolveSize(id) * 8;
  for (let i = 1; i < raw.length; i++) {
    const idx = raw[i];
    id = btf.skipModifiers(id);
    const type = btf.type(id);
    if (type.kind === K.BTF_KIND_STRUCT || type.kind === K.BTF_KIND_UNION) {
      if (idx >= type.members.length) bad(typeId, `"${accessStr}": [${id}] has no member ${idx}`);
      const member = type.members[idx];
      bitOffset += member.bitOffset;
      if (member.name) accessors.push({ typeId: id, idx, name: member.name });
      id = member.typeId;
    } else if (type.kind === K.BTF_KIND_ARRAY) {
      const flex = isFlexArray(btf, accessors[accessors.length - 1], type.nelems);
      if (!flex && idx >= type.nelems) bad(typeId, `"${accessStr}": [${id}] has no element ${idx}`);
      id = btf.skipModifiers(type.elemTypeId);
      accessors.push({ typeId: id, idx, name: undefined });
      bitOffset += idx * btf.resolveSize(id) * 8;
    } else {
      const message = `relo for [${typeId}] ${accessStr} (at idx ${i}) captures type [${id}] of unexpected kind ${kindWord(type.kind)}`;
      options.log('warn', `prog '${options.progName}': ${message}`);
      bad(typeId, message);
    }
  }
  return { ...head, accessors, raw, bitOffset };
}

/** A kind as libbpf's log spells it. */
export function kindWord(kind: number): string {
  return kind === 0 ? 'void' : (K.BTF_KIND_NAMES[kind] ?? 'unknown').toLowerCase();
}

/** `<byte_off> [5] struct task_struct.q.zz[2] (0:1:0:2 @ offset 12)`: an access as libbpf's log prints it. */
export function formatCoreSpec(spec: CoreSpec): string {
  const { btf, rootTypeId, reloKind } = spec;
  const name = rootTypeId === 0 ? '' : btf.name(rootTypeId);
  let text = `<${coreReloKindName(reloKind)}> [${rootTypeId}] ${kindWord(btf.kind(rootTypeId))} ${name || '<anon>'}`;
  if (isTypeRelo(reloKind)) return text;
  if (isEnumvalRelo(reloKind)) {
    // A candidate without the enumerator is shown with its first.
    const enumId = btf.skipModifiers(rootTypeId);
    const idx = spec.raw[0] ?? 0;
    if (!isAnyEnum(btf.kind(enumId)) || idx >= btf.vlen(enumId)) return text;
    const enumerator = enumeratorAt(btf, enumId, idx);
    return `${text}::${enumerator.name} = ${enumerator.value}`;
  }
  if (!isFieldRelo(reloKind)) return text;
  spec.accessors.forEach((acc, i) => {
    if (acc.name !== undefined) text += `.${acc.name}`;
    else if (i > 0 || acc.idx > 0) text += `[${acc.idx}]`;
  });
  const byte = Math.floor(spec.bitOffset / 8);
  const bit = spec.bitOffset % 8;
  return `${text} (${spec.raw.join(':')} @ offset ${byte}${bit > 0 ? `.${bit}` : ''})`;
}
