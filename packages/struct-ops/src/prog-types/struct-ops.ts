// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_STRUCT_OPS } from '@tsbpf/uapi';
import { BTF_KIND_FUNC_PROTO } from '@tsbpf/btf';
import { createKernelTypes, defineProgType, type CtxEnv, type ProgTypeDef, type StructOpsRules } from '@tsbpf/core';

/** Whether the member being implemented returns nothing: R0 is then not looked at. */
function memberReturnsVoid({ attachFuncProto }: CtxEnv): boolean {
  if (attachFuncProto === undefined) return false;
  return attachFuncProto.btf.typeOf(attachFuncProto.typeId, BTF_KIND_FUNC_PROTO).returnTypeId === 0;
}

/**
 * STRUCT_OPS: implements one function of a kernel structure of functions. The context is that function's argument list,
 * which the verifier types by BTF itself; helpers and writes are those of the structure's row.
 * @see kernel/bpf/bpf_struct_ops.c
 */
export function createStructOpsProgType(rows: readonly StructOpsRules[]): ProgTypeDef {
  const rowOf = (env: CtxEnv | undefined): StructOpsRules | undefined => {
    const structName = env?.attachFuncProto?.structName;
    return rows.find((row) => row.name === structName);
  };
  return defineProgType({
    type: BPF_PROG_TYPE_STRUCT_OPS,
    name: 'struct_ops',
    since: '5.6',
    progCtx: undefined,
    kernelCtx: undefined,
    verifier: {
      getFuncProto: (id, prog, env) => rowOf(env)?.getFuncProto(id, prog),
      isValidAccess: () => undefined,
      returnsVoid: (_prog, env) => memberReturnsVoid(env),
      btfStructWrite({ btf, structId, off, size }, env) {
        const types = env.types ?? createKernelTypes(btf);
        const answer = rowOf(env)?.btfStructWrite({ structName: btf.name(structId), off, size, types });
        return answer === undefined ? 'only read is supported\n' : typeof answer === 'string' ? answer : true;
      },
    },
    ops: {},
  });
}
