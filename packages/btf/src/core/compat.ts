// SPDX-License-Identifier: MIT
import { EINVAL, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import { essentialName } from '../model/name-index.ts';
import type { CoreLog } from './log.ts';
import { isAnyEnum, kindWord } from './spec.ts';

/** Types nested in one another that a comparison follows. */
export const MAX_COMPARE_DEPTH = 32;

/** Whether two kinds may stand for each other: equal ones, and the two widths of enum. */
export function kindsCompatible(a: number, b: number): boolean {
  return a === b || (isAnyEnum(a) && isAnyEnum(b));
}

function isComposite(kind: number): boolean {
  return kind === K.BTF_KIND_STRUCT || kind === K.BTF_KIND_UNION;
}

/** Bits that an INT lies from its start: a form of bitfield that compilers no longer emit. */
function intOffset(btf: Btf, id: number): number {
  return (btf.extraWord(id, 0) >>> 16) & 0xff;
}

export function tooDeep(localId: number): never {
  throw new BtfError(`[${localId}] types nest deeper than ${MAX_COMPARE_DEPTH}`, { errno: EINVAL, typeId: localId });
}

/** A type in one BTF, next to one in another. */
export interface TypePair {
  readonly localBtf: Btf;
  readonly localId: number;
  readonly targetBtf: Btf;
  readonly targetId: number;
}

/**
 * Whether a field of the local type may be read as one of the target: sizes and signs may differ, names of enums may
 * not.
 * @see bpf_core_fields_are_compat()
 */
export function fieldsAreCompat(pair: TypePair): boolean {
  const { localBtf, targetBtf } = pair;
  let { localId, targetId } = pair;
  for (let depth = 0; depth < 256; depth++) {
    localId = localBtf.skipModifiers(localId);
    targetId = targetBtf.skipModifiers(targetId);
    const kind = localBtf.kind(localId);
    const targetKind = targetBtf.kind(targetId);
    if (isComposite(kind) && isComposite(targetKind)) return true;
    if (!kindsCompatible(kind, targetKind)) return false;
    switch (kind) {
      case K.BTF_KIND_PTR:
      case K.BTF_KIND_FLOAT:
        return true;
      case K.BTF_KIND_FWD:
      case K.BTF_KIND_ENUM:
      case K.BTF_KIND_ENUM64: {
        const localName = essentialName(localBtf.name(localId));
        const targetName = essentialName(targetBtf.name(targetId));
        return localName === '' || targetName === '' || localName === targetName;
      }
      case K.BTF_KIND_INT:
        return intOffset(localBtf, localId) === 0 && intOffset(targetBtf, targetId) === 0;
      case K.BTF_KIND_ARRAY:
        localId = localBtf.extraWord(localId, 0);
        targetId = targetBtf.extraWord(targetId, 0);
        break;
      default:
        return false;
    }
  }
  return tooDeep(localId);
}

/**
 * Whether two types whose names agree are the same thing for `bpf_core_type_exists` and its like: structs and enums
 * by name alone, the rest by shape.
 * @errno EINVAL deeper than 32 levels
 * @see bpf_core_types_are_compat()
 */
export function typesAreCompat(pair: TypePair, options: { log: CoreLog; level?: number }): boolean {
  const { localBtf, targetBtf } = pair;
  const { log, level = MAX_COMPARE_DEPTH } = options;
  let { localId, targetId } = pair;
  if (!kindsCompatible(localBtf.kind(localId), targetBtf.kind(targetId))) return false;
  for (let depth = 0; depth < MAX_COMPARE_DEPTH; depth++) {
    localId = localBtf.skipModifiers(localId);
    targetId = targetBtf.skipModifiers(targetId);
    const kind = localBtf.kind(localId);
    if (!kindsCompatible(kind, targetBtf.kind(targetId))) return false;
    switch (kind) {
      case K.BTF_KIND_UNKN:
      case K.BTF_KIND_STRUCT:
      case K.BTF_KIND_UNION:
      case K.BTF_KIND_ENUM:
      case K.BTF_KIND_ENUM64:
      case K.BTF_KIND_FWD:
        return true;
      case K.BTF_KIND_INT:
        return intOffset(localBtf, localId) === 0 && intOffset(targetBtf, targetId) === 0;
      case K.BTF_KIND_PTR:
        localId = localBtf.sizeOrType(localId);
        targetId = targetBtf.sizeOrType(targetId);
        break;
      case K.BTF_KIND_ARRAY:
        localId = localBtf.extraWord(localId, 0);
        targetId = targetBtf.extraWord(targetId, 0);
        break;
      case K.BTF_KIND_FUNC_PROTO: {
        const local = localBtf.typeOf(localId, K.BTF_KIND_FUNC_PROTO);
        const target = targetBtf.typeOf(targetId, K.BTF_KIND_FUNC_PROTO);
        if (local.params.length !== target.params.length) return false;
        for (let i = 0; i < local.params.length; i++) {
          if (level <= 0) tooDeep(localId);
          const param: TypePair = {
            localBtf,
            localId: localBtf.skipModifiers(local.params[i].typeId),
            targetBtf,
            targetId: targetBtf.skipModifiers(target.params[i].typeId),
          };
          if (!typesAreCompat(param, { log, level: level - 1 })) return false;
        }
        localId = local.returnTypeId;
        targetId = target.returnTypeId;
        break;
      }
      default:
        log('warn', `unexpected kind ${kindWord(kind)} relocated, local [${localId}], target [${targetId}]`);
        return false;
    }
  }
  return tooDeep(localId);
}
