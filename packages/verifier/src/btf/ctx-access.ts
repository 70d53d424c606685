// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_STRUCT, BTF_KIND_TYPEDEF, type Btf } from '@tsbpf/btf';
import type { AccessInfo } from '@tsbpf/core';
import { BPF_PROG_TYPE_STRUCT_OPS, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, BPF_TRACE_RAW_TP } from '@tsbpf/uapi';
import type { Verification } from '../verification.ts';
import { MAX_FUNC_ARGS } from './func-model.ts';
import { isScalarKind, isStringPtr, isStructKind, kindName, printedName } from './kind-names.ts';
import { ctxPointedTo } from './prog-ctx.ts';

const SCALAR: AccessInfo = { regType: 'SCALAR_VALUE', ctxFieldSize: 0 };
/** Arguments assumed where the function's own prototype does not hold. */
const PLAIN_ARGS = 5;

/** Whether the program's context is the argument list of a function, typed by BTF, rather than a row's field table. */
export function hasBtfContext(v: Verification): boolean {
  return v.def.type === BPF_PROG_TYPE_TRACING || v.prog.type === BPF_PROG_TYPE_STRUCT_OPS;
}

/**
 * A load from such a context: words of 8 bytes, the arguments in order and, for fexit, the result behind them.
 * Undefined where it is not valid; why has been logged where Linux says so.
 * @see kernel/bpf/btf.c, btf_ctx_access; kernel/trace/bpf_trace.c, tracing_prog_is_valid_access
 */
export function btfCtxAccess(
  v: Verification,
  access: { off: number; size: number; write: boolean },
): AccessInfo | undefined {
  const { off, size, write } = access;
  if (off < 0 || off >= 8 * MAX_FUNC_ARGS || write || off % size !== 0) return undefined;
  const info = argumentAt(v, off);
  if (info?.btfId === undefined || v.prog.type !== BPF_PROG_TYPE_STRUCT_OPS) return info;
  return promoted(v, info);
}

function argumentAt(v: Verification, off: number): AccessInfo | undefined {
  const refuse = (message: string): undefined => {
    v.log.write(message);
    return undefined;
  };
  const target = v.ctxEnv.attachFuncProto;
  const func = `func '${target?.name ?? v.attach?.name ?? ''}'`;
  if (off % 8 !== 0) return refuse(`${func} offset ${off} is not multiple of 8\n`);

  const arg = off / 8;
  const proto = target?.btf.typeOf(target.typeId, BTF_KIND_FUNC_PROTO);
  // The first parameter of a raw tracepoint's prototype is the kernel's own.
  const hidden = v.prog.type === BPF_PROG_TYPE_TRACING && v.prog.expectedAttachType === BPF_TRACE_RAW_TP ? 1 : 0;
  const count = proto === undefined ? PLAIN_ARGS : proto.params.length - hidden;
  const isResult = v.prog.expectedAttachType === BPF_TRACE_FEXIT && arg === count;
  if (arg >= count && !isResult) return refuse(`${func} doesn't have ${arg + 1}-th argument\n`);
  if (target === undefined || proto === undefined) return SCALAR;

  const { btf } = target;
  const typeId = btf.skipModifiers(isResult ? proto.returnTypeId : proto.params[arg + hidden].typeId);
  if (isScalarKind(btf, typeId)) return SCALAR;
  if (btf.kind(typeId) !== BTF_KIND_PTR) {
    return refuse(
      `${func} arg${arg} '${printedName(btf, typeId)}' has type ${kindName(btf, typeId)}. ` +
        'Only pointer access is allowed\n',
    );
  }
  if (btf.sizeOrType(typeId) === 0 || isStringPtr(btf, typeId)) return SCALAR;

  if (v.prog.targetProg !== undefined) return kernelContext(v, { btf, ptrId: typeId, arg }, v.prog.targetProg.type);
  const structId = btf.skipModifiers(btf.sizeOrType(typeId));
  if (!isStructKind(btf, structId)) {
    return refuse(`${func} arg${arg} type ${kindName(btf, structId)} is not a struct\n`);
  }
  v.log.write(
    `${func} arg${arg} has btf_id ${structId} type ${kindName(btf, structId)} '${printedName(btf, structId)}'\n`,
  );
  return { regType: 'PTR_TO_BTF_ID', ctxFieldSize: 0, btfId: structId };
}

/** A traced program's own context argument, seen as the kernel structure behind it. */
function kernelContext(
  v: Verification,
  ptr: { btf: Btf; ptrId: number; arg: number },
  progType: number,
): AccessInfo | undefined {
  const name = ctxPointedTo(v, ptr, progType)?.kernelCtx;
  const { vmlinux } = v.env;
  if (name === undefined || vmlinux === undefined) return undefined;
  // That of a raw tracepoint is a plain word: a pointer to it is good for nothing but to be passed on.
  const structId = vmlinux.findByName(name, BTF_KIND_STRUCT) ?? vmlinux.findByName(name, BTF_KIND_TYPEDEF);
  return structId === undefined ? undefined : { regType: 'PTR_TO_BTF_ID', ctxFieldSize: 0, btfId: structId };
}

/** struct_ops promise a larger structure than the prototype names: every sock of TCP is a tcp_sock. */
function promoted(v: Verification, info: AccessInfo): AccessInfo {
  const { vmlinux } = v.env;
  if (info.btfId === undefined || vmlinux === undefined) return info;
  const opsName = vmlinux.name(v.prog.attachBtfId);
  const name = v.env.structOps?.(opsName)?.promote?.(vmlinux.name(info.btfId));
  const btfId = name === undefined ? undefined : vmlinux.findByName(name, BTF_KIND_STRUCT);
  return btfId === undefined ? info : { ...info, btfId };
}
