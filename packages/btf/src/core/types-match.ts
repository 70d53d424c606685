// SPDX-License-Identifier: MIT
import { E2BIG, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import { essentialName } from '../model/name-index.ts';
import type { BtfEnum, BtfEnum64, BtfFwd, BtfType } from '../types.ts';
import { MAX_COMPARE_DEPTH, tooDeep, type TypePair } from './compat.ts';
import type { CoreLog } from './log.ts';
import { isAnyEnum, kindWord } from './spec.ts';

/** Comparisons of two types that one question may take. Real types need a few thousand. */
const MAX_STEPS = 1_000_000;

interface Match {
  readonly log: CoreLog;
  steps: number;
}

function namesMatch(a: string, b: string): boolean {
  return essentialName(a) === essentialName(b);
}

/** Whether each local enumerator has a namesake; values may differ. */
function enumsMatch(local: BtfEnum | BtfEnum64, target: BtfEnum | BtfEnum64): boolean {
  if (local.size !== target.size || local.values.length > target.values.length) return false;
  const names = new Set(target.values.map((v) => essentialName(v.name)));
  return local.values.every((v) => names.has(essentialName(v.name)));
}

function fwdMatches(local: BtfFwd, target: BtfType, behindPtr: boolean): boolean {
  if (target.kind === K.BTF_KIND_FWD) return local.fwdKind === target.fwdKind;
  if (!behindPtr) return false;
  return target.kind === (local.fwdKind === 'struct' ? K.BTF_KIND_STRUCT : K.BTF_KIND_UNION);
}

function match(state: Match, pair: TypePair, behindPtr: boolean, level: number): boolean {
  if (level <= 0) tooDeep(pair.localId);
  const { localBtf, targetBtf } = pair;
  let { localId, targetId } = pair;
  let throughPtr = behindPtr;
  for (let depth = 0; depth < MAX_COMPARE_DEPTH; depth++) {
    if (++state.steps > MAX_STEPS) {
      throw new BtfError(`[${localId}] comparing types takes more than ${MAX_STEPS} steps`, {
        errno: E2BIG,
        typeId: localId,
      });
    }
    localId = localBtf.skipModifiers(localId);
    targetId = targetBtf.skipModifiers(targetId);
    const local = localBtf.type(localId);
    const target = targetBtf.type(targetId);
    if (!namesMatch(local.name, target.name)) return false;
    switch (local.kind) {
      case K.BTF_KIND_UNKN:
        return target.kind === K.BTF_KIND_UNKN;
      case K.BTF_KIND_FWD:
        return fwdMatches(local, target, throughPtr);
      case K.BTF_KIND_ENUM:
      case K.BTF_KIND_ENUM64:
        return isAnyEnum(target.kind) && enumsMatch(local, target as BtfEnum | BtfEnum64);
      case K.BTF_KIND_STRUCT:
      case K.BTF_KIND_UNION: {
        if (throughPtr && target.kind === K.BTF_KIND_FWD) {
          return target.fwdKind === (local.kind === K.BTF_KIND_UNION ? 'union' : 'struct');
        }
        if (local.kind !== target.kind) return false;
        if (throughPtr) return true;
        const { members } = target;
        if (local.members.length > members.length) return false;
        return local.members.every((m) =>
          members.some(
            (t) =>
              namesMatch(m.name, t.name) &&
              match(state, { localBtf, localId: m.typeId, targetBtf, targetId: t.typeId }, throughPtr, level - 1),
          ),
        );
      }
      case K.BTF_KIND_INT:
        return (
          target.kind === K.BTF_KIND_INT &&
          local.bits === target.bits &&
          (local.encoding & K.BTF_INT_SIGNED) === (target.encoding & K.BTF_INT_SIGNED)
        );
      case K.BTF_KIND_PTR:
        if (target.kind !== K.BTF_KIND_PTR) return false;
        throughPtr = true;
        localId = local.typeId;
        targetId = target.typeId;
        break;
      case K.BTF_KIND_ARRAY:
        if (target.kind !== K.BTF_KIND_ARRAY || local.nelems !== target.nelems) return false;
        localId = local.elemTypeId;
        targetId = target.elemTypeId;
        break;
      case K.BTF_KIND_FUNC_PROTO: {
        if (target.kind !== K.BTF_KIND_FUNC_PROTO || local.params.length !== target.params.length) return false;
        for (let i = 0; i < local.params.length; i++) {
          const param = {
            localBtf,
            localId: local.params[i].typeId,
            targetBtf,
            targetId: target.params[i].typeId,
          };
          if (!match(state, param, throughPtr, level - 1)) return false;
        }
        localId = local.returnTypeId;
        targetId = target.returnTypeId;
        break;
      }
      default:
        state.log(
          'warn',
          `unexpected kind ${kindWord(local.kind)} relocated, local [${localId}], target [${targetId}]`,
        );
        return false;
    }
  }
  return tooDeep(localId);
}

/**
 * Whether the target type has all that the local one has, member by member: what `bpf_core_type_matches` asks. Behind
 * a pointer, the names and kinds of structs are enough.
 * @errno EINVAL deeper than 32 levels; E2BIG for types made to be slow to compare
 * @see bpf_core_types_match()
 */
export function typesMatch(pair: TypePair, options: { log: CoreLog }): boolean {
  return match({ log: options.log, steps: 0 }, pair, false, MAX_COMPARE_DEPTH);
}
