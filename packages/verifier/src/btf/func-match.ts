// SPDX-License-Identifier: MIT
import {
  BTF_FUNC_GLOBAL,
  BTF_KIND_DATASEC,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_PTR,
  type Btf,
  type BtfFuncProto,
  packInfo,
} from '@tsbpf/btf';
import { EINVAL } from '@tsbpf/uapi';
import { refuse } from '../refuse.ts';
import type { Verification } from '../verification.ts';
import { isScalarKind, isStructKind, kindName } from './kind-names.ts';

/** A function in some BTF. */
interface Func {
  readonly btf: Btf;
  readonly name: string;
  readonly proto: BtfFuncProto;
}

function openFunc(btf: Btf, funcId: number): Func {
  return { btf, name: btf.name(funcId), proto: btf.typeOf(btf.sizeOrType(funcId), BTF_KIND_FUNC_PROTO) };
}

function infoWord(btf: Btf, id: number): number {
  return packInfo(btf.kind(id), btf.vlen(id), btf.kflag(id));
}

function hasSize(btf: Btf, id: number): boolean {
  return isScalarKind(btf, id) || isStructKind(btf, id) || btf.kind(id) === BTF_KIND_DATASEC;
}

/**
 * Whether the main function of an extension can stand in for the target function: both global, parameters and results
 * of the same kinds, pointers to structures of the same name.
 * @errno EINVAL
 * @see kernel/bpf/btf.c, btf_check_type_match
 */
export function checkExtensionMatches(v: Verification, target: { btf: Btf; funcId: number }): void {
  const { btf } = v.prog;
  if (btf === undefined || v.funcInfo.length === 0) return refuse(v, EINVAL, 'Program extension requires BTF\n');
  const ownId = v.funcInfo[0].typeId;
  for (const [owner, id] of [
    [btf, ownId],
    [target.btf, target.funcId],
  ] as const) {
    if (owner.funcLinkage(id) !== BTF_FUNC_GLOBAL) refuse(v, EINVAL, `${owner.name(id)}() is not a global function\n`);
  }
  const own = openFunc(btf, ownId);
  const other = openFunc(target.btf, target.funcId);
  const ownCount = own.proto.params.length;
  const otherCount = other.proto.params.length;
  if (ownCount !== otherCount) {
    refuse(v, EINVAL, `${own.name}() has ${ownCount} args while ${other.name}() has ${otherCount} args\n`);
  }
  const ownRet = own.btf.skipModifiers(own.proto.returnTypeId);
  const otherRet = other.btf.skipModifiers(other.proto.returnTypeId);
  if (infoWord(own.btf, ownRet) !== infoWord(other.btf, otherRet)) {
    refuse(
      v,
      EINVAL,
      `Return type ${kindName(own.btf, ownRet)} of ${own.name}() doesn't match ` +
        `type ${kindName(other.btf, otherRet)} of ${other.name}()\n`,
    );
  }
  for (let i = 0; i < ownCount; i++) {
    const message = argMismatch(own, other, i);
    if (message !== undefined) refuse(v, EINVAL, `arg${i} ${message}\n`);
  }
}

/** What is wrong with one pair of parameters, as the message ends. */
function argMismatch(own: Func, other: Func, index: number): string | undefined {
  const ownId = own.btf.skipModifiers(own.proto.params[index].typeId);
  const otherId = other.btf.skipModifiers(other.proto.params[index].typeId);
  if (infoWord(own.btf, ownId) !== infoWord(other.btf, otherId)) {
    return `in ${own.name}() is ${kindName(own.btf, ownId)} while ${other.name}() has ${kindName(other.btf, otherId)}`;
  }
  if (hasSize(own.btf, ownId) && own.btf.sizeOrType(ownId) !== other.btf.sizeOrType(otherId)) {
    const [size, otherSize] = [own.btf.sizeOrType(ownId), other.btf.sizeOrType(otherId)];
    return `in ${own.name}() has size ${size} while ${other.name}() has ${otherSize}`;
  }
  if (isScalarKind(own.btf, ownId)) return undefined;
  if (own.btf.kind(ownId) !== BTF_KIND_PTR) return `in ${own.name}() has unrecognized type`;

  const pointees = [
    { func: own, id: own.btf.skipModifiers(own.btf.sizeOrType(ownId)) },
    { func: other, id: other.btf.skipModifiers(other.btf.sizeOrType(otherId)) },
  ];
  for (const { func, id } of pointees) {
    if (!isStructKind(func.btf, id)) return `in ${func.name}() is not a pointer to context`;
  }
  const [s1, s2] = pointees.map(({ func, id }) => (id === 0 ? '' : func.btf.name(id)));
  return s1 === s2 ? undefined : `${own.name}(struct ${s1} *) doesn't match ${other.name}(struct ${s2} *)`;
}
