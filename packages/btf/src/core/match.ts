// SPDX-License-Identifier: MIT
import { E2BIG, EINVAL, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import { essentialName } from '../model/name-index.ts';
import type { CoreCandidate } from './candidates.ts';
import { fieldsAreCompat, typesAreCompat } from './compat.ts';
import { BPF_CORE_TYPE_MATCHES, isEnumvalRelo, isTypeRelo } from './kinds.ts';
import type { CoreLog } from './log.ts';
import { CORE_SPEC_MAX_LEN, enumeratorAt, isAnyEnum, isFlexArray, type CoreAccessor, type CoreSpec } from './spec.ts';
import { typesMatch } from './types-match.ts';

/** An access being followed through the target. */
class Path {
  readonly btf: Btf;
  readonly accessors: CoreAccessor[] = [];
  readonly raw: number[] = [];
  bitOffset = 0;
  /** Type to go on in. */
  at: number;

  constructor(btf: Btf, at: number) {
    this.btf = btf;
    this.at = at;
  }

  pushRaw(idx: number): void {
    if (this.raw.length === CORE_SPEC_MAX_LEN) {
      throw new BtfError(`CO-RE access is deeper than ${CORE_SPEC_MAX_LEN}`, { errno: E2BIG, typeId: this.at });
    }
    this.raw.push(idx);
  }
}

/**
 * Goes to the member of the local one's name, in anonymous members too. The first of that name decides, compatible or
 * not.
 */
function stepMember(path: Path, local: { btf: Btf; acc: CoreAccessor }, targetId: number): boolean {
  const { btf } = path;
  const id = btf.skipModifiers(targetId);
  const type = btf.type(id);
  if (type.kind !== K.BTF_KIND_STRUCT && type.kind !== K.BTF_KIND_UNION) return false;
  for (let i = 0; i < type.members.length; i++) {
    const m = type.members[i];
    path.pushRaw(i);
    if (m.name === '') {
      path.bitOffset += m.bitOffset;
      if (stepMember(path, local, m.typeId)) return true;
      path.bitOffset -= m.bitOffset;
    } else if (m.name === local.acc.name) {
      const localMember = local.btf.members(local.acc.typeId)[local.acc.idx];
      const pair = { localBtf: local.btf, localId: localMember.typeId, targetBtf: btf, targetId: m.typeId };
      // An incompatible member stays in the path: libbpf's log shows where the search ended.
      path.bitOffset += m.bitOffset;
      if (!fieldsAreCompat(pair)) return false;
      path.accessors.push({ typeId: id, idx: i, name: m.name });
      path.at = m.typeId;
      return true;
    }
    path.raw.pop();
  }
  return false;
}

function stepIndex(path: Path, idx: number, isRoot: boolean): boolean {
  const { btf } = path;
  path.at = btf.skipModifiers(path.at);
  if (!isRoot) {
    const array = btf.type(path.at);
    if (array.kind !== K.BTF_KIND_ARRAY) return false;
    const flex = isFlexArray(btf, path.accessors[path.accessors.length - 1], array.nelems);
    if (!flex && idx >= array.nelems) return false;
    path.at = btf.skipModifiers(array.elemTypeId);
  }
  path.pushRaw(idx);
  path.accessors.push({ typeId: path.at, idx, name: undefined });
  path.bitOffset += idx * btf.resolveSize(path.at) * 8;
  return true;
}

function matchEnumerator(local: CoreSpec, target: CoreCandidate): CoreAccessor | undefined {
  const id = target.btf.skipModifiers(target.typeId);
  if (!isAnyEnum(target.btf.kind(id))) return undefined;
  const wanted = essentialName(local.accessors[0].name ?? '');
  const vlen = target.btf.vlen(id);
  const type = target.btf.typeOf(id, K.BTF_KIND_ENUM, K.BTF_KIND_ENUM64);
  for (let idx = 0; idx < vlen; idx++) {
    const { name } = type.values[idx];
    if (essentialName(name) === wanted) return { typeId: id, idx, name };
  }
  return undefined;
}

/**
 * What a local access means in a candidate, and whether the candidate has it. The spec of a candidate
 * that does not match is what libbpf's log shows of it.
 */
export function matchCoreSpec(
  local: CoreSpec,
  target: CoreCandidate,
  options: { log: CoreLog },
): { matched: boolean; spec: CoreSpec } {
  const { btf, typeId } = target;
  const head = { btf, rootTypeId: typeId, reloKind: local.reloKind };
  if (isTypeRelo(local.reloKind)) {
    const pair = { localBtf: local.btf, localId: local.rootTypeId, targetBtf: btf, targetId: typeId };
    const same = local.reloKind === BPF_CORE_TYPE_MATCHES ? typesMatch(pair, options) : typesAreCompat(pair, options);
    return { matched: same, spec: { ...head, accessors: [], raw: [], bitOffset: 0 } };
  }
  if (isEnumvalRelo(local.reloKind)) {
    const acc = matchEnumerator(local, target);
    const accessors = acc ? [acc] : [];
    return { matched: acc !== undefined, spec: { ...head, accessors, raw: acc ? [acc.idx] : [], bitOffset: 0 } };
  }
  const path = new Path(btf, typeId);
  let matched = true;
  for (let i = 0; matched && i < local.accessors.length; i++) {
    const acc = local.accessors[i];
    matched =
      acc.name !== undefined ? stepMember(path, { btf: local.btf, acc }, path.at) : stepIndex(path, acc.idx, i === 0);
  }
  return { matched, spec: { ...head, accessors: path.accessors, raw: path.raw, bitOffset: path.bitOffset } };
}

/** Value of the enumerator that an access names, as 64 bits. @errno EINVAL where it names none */
export function enumvalOf(spec: CoreSpec): bigint {
  const [acc] = spec.accessors;
  if (!acc) throw new BtfError('access names no enumerator', { errno: EINVAL, typeId: spec.rootTypeId });
  const { value } = enumeratorAt(spec.btf, acc.typeId, acc.idx);
  // 32-bit enumerators are sign-extended, whatever their enum says of its sign.
  const bits = spec.btf.kind(acc.typeId) === K.BTF_KIND_ENUM ? BigInt.asIntN(32, value) : value;
  return BigInt.asUintN(64, bits);
}
