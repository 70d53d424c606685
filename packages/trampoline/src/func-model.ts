// SPDX-License-Identifier: MIT
import { BTF_KIND_PTR, type Btf } from '@tsbpf/btf';

/** Arguments that trampolines carry on x86-64. @see arch/x86/net/bpf_jit_comp.c */
export const MAX_TRAMPOLINE_ARGS = 6;

/** How a function is called: bytes of each parameter and of the result; 0 for void. */
export interface FuncModel {
  readonly argBytes: readonly number[];
  readonly retBytes: number;
}

/** What stands for a function that was called with other types than its BTF says: five words in, one out. */
export const CONSERVATIVE_MODEL: FuncModel = { argBytes: [8, 8, 8, 8, 8], retBytes: 8 };

function valueBytes(btf: Btf, typeId: number): number {
  const id = btf.skipModifiers(typeId);
  if (id === 0) return 0;
  return btf.kind(id) === BTF_KIND_PTR ? 8 : btf.resolveSize(id);
}

/**
 * The model of a FUNC, or of a FUNC_PROTO. The verifier has seen that each value travels in one register; that there
 * are not too many is for who attaches.
 * @see kernel/bpf/btf.c, btf_distill_func_proto
 */
export function funcModel(btf: Btf, funcId: number): FuncModel {
  const { params, returnTypeId } = btf.funcProto(funcId);
  return {
    argBytes: params.map(({ typeId }) => valueBytes(btf, typeId)),
    retBytes: valueBytes(btf, returnTypeId),
  };
}
