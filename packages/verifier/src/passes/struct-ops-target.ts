// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, type Btf } from '@tsbpf/btf';
import { EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import { isStructKind } from '../btf/kind-names.ts';
import { refuse } from '../refuse.ts';
import type { Verification } from '../verification.ts';

/** The prototype that a member which is a pointer to functions points to; undefined for any other member. */
function funcPtrProto(btf: Btf, memberTypeId: number): number | undefined {
  const ptr = btf.skipModifiers(memberTypeId);
  if (btf.kind(ptr) !== BTF_KIND_PTR) return undefined;
  const pointee = btf.skipModifiers(btf.sizeOrType(ptr));
  return btf.kind(pointee) === BTF_KIND_FUNC_PROTO ? pointee : undefined;
}

/**
 * Finds the member of a kernel structure of operations that a STRUCT_OPS program implements: `attach_btf_id` is the
 * structure, the expected attach type the member's index.
 * @errno ENOTSUPP a structure or member that cannot be implemented; EINVAL
 * @see kernel/bpf/verifier.c, check_struct_ops_btf_id
 */
export function findStructOpsMember(v: Verification): void {
  const { attachBtfId: structId, expectedAttachType: index } = v.prog;
  const btf = v.env.vmlinux;
  const known = btf !== undefined && structId !== 0 && btf.has(structId) && isStructKind(btf, structId);
  const structName = known ? btf.name(structId) : '';
  const row = structName === '' ? undefined : v.env.structOps?.(structName);
  if (!known || row === undefined) return refuse(v, ENOTSUPP, `attach_btf_id ${structId} is not a supported struct\n`);

  if (index >= btf.vlen(structId)) {
    return refuse(v, EINVAL, `attach to invalid member idx ${index} of struct ${structName}\n`);
  }
  const member = btf.members(structId)[index];
  const protoId = funcPtrProto(btf, member.typeId);
  if (protoId === undefined) {
    return refuse(v, EINVAL, `attach to invalid member ${member.name}(@idx ${index}) of struct ${structName}\n`);
  }
  if (row.unsupported.includes(member.name)) {
    return refuse(v, ENOTSUPP, `attach to unsupported member ${member.name} of struct ${structName}\n`);
  }
  v.attach = { prog: undefined, btfId: structId, name: member.name, protoId: 0, btf, subprog: -1, addr: 0n };
  v.ctxEnv = { ...v.ctxEnv, attachFuncProto: { btf, typeId: protoId, name: member.name, structName } };
}
