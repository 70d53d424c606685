// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, type Btf } from '@tsbpf/btf';
import { EINVAL } from '@tsbpf/uapi';
import { refuse } from '../refuse.ts';
import type { Verification } from '../verification.ts';
import { isScalarKind, kindName } from './kind-names.ts';

/** Parameters of a function that something may be attached to: fewer than this. */
export const MAX_FUNC_ARGS = 12;

/** Whether a value of the type travels in one register. Void counts: it takes none. */
function fitsRegister(btf: Btf, typeId: number): boolean {
  if (typeId === 0) return true;
  const id = btf.skipModifiers(typeId);
  return btf.kind(id) === BTF_KIND_PTR || isScalarKind(btf, id);
}

/**
 * Whether a trampoline can be built for a function: every parameter and the result in one register each.
 * @errno EINVAL
 * @see kernel/bpf/btf.c, btf_distill_func_proto
 */
export function checkFuncModel(v: Verification, btf: Btf, protoId: number, funcName: string): void {
  const proto = btf.typeOf(protoId, BTF_KIND_FUNC_PROTO);
  if (proto.params.length >= MAX_FUNC_ARGS) {
    refuse(v, EINVAL, `The function ${funcName} has ${proto.params.length} arguments. Too many.\n`);
  }
  const kindOf = (typeId: number): string => kindName(btf, btf.skipModifiers(typeId));
  if (!fitsRegister(btf, proto.returnTypeId)) {
    refuse(v, EINVAL, `The function ${funcName} return type ${kindOf(proto.returnTypeId)} is unsupported.\n`);
  }
  proto.params.forEach(({ typeId }, i) => {
    if (!fitsRegister(btf, typeId)) {
      refuse(v, EINVAL, `The function ${funcName} arg${i} type ${kindOf(typeId)} is unsupported.\n`);
    }
  });
}
