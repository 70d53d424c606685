// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC, BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_TYPEDEF, type Btf } from '@tsbpf/btf';
import type { AttachTarget, BpfProg } from '@tsbpf/core';
import {
  BPF_PROG_TYPE_EXT,
  BPF_PROG_TYPE_STRUCT_OPS,
  BPF_PROG_TYPE_TRACING,
  BPF_TRACE_FENTRY,
  BPF_TRACE_FEXIT,
  BPF_TRACE_RAW_TP,
  EINVAL,
  ENOENT,
} from '@tsbpf/uapi';
import { checkExtensionMatches } from '../btf/func-match.ts';
import { checkFuncModel } from '../btf/func-model.ts';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import type { Verification } from '../verification.ts';
import { findStructOpsMember } from './struct-ops-target.ts';

/** What raw tracepoints' typedefs begin with. */
const TRACE_PREFIX = 'btf_trace_';

/**
 * Resolves what a TRACING, EXT or STRUCT_OPS program is for: fills `v.attach`, the prototype that types its context
 * (`v.ctxEnv.attachFuncProto`) and, for an extension, takes over the rules of the target's type (`v.def`).
 * @errno EINVAL; ENOENT the kernel has no such function; ENOTSUPP no such struct_ops
 * @see kernel/bpf/verifier.c, check_attach_btf_id
 */
export function resolveAttachTarget(v: Verification): void {
  const { type, attachBtfId } = v.prog;
  if (type === BPF_PROG_TYPE_STRUCT_OPS) {
    findStructOpsMember(v);
    return;
  }
  if (type !== BPF_PROG_TYPE_TRACING && type !== BPF_PROG_TYPE_EXT) return;

  if (attachBtfId === 0) refuse(v, EINVAL, 'Tracing programs must provide btf_id\n');
  const target = v.prog.targetProg;
  const btf = target === undefined ? v.env.vmlinux : target.btf?.btf;
  if (btf === undefined) {
    refuse(v, EINVAL, 'FENTRY/FEXIT program can only be attached to another program annotated with BTF\n');
  }
  if (!btf.has(attachBtfId)) refuse(v, EINVAL, `attach_btf_id ${attachBtfId} is invalid\n`);
  const name = btf.name(attachBtfId);

  let subprog = -1;
  if (target !== undefined) subprog = checkTargetProg(v, target, name);
  else if (type === BPF_PROG_TYPE_EXT) refuse(v, EINVAL, 'Cannot replace kernel functions\n');

  if (v.prog.expectedAttachType === BPF_TRACE_RAW_TP) attachToTracepoint(v, btf, name);
  else attachToFunction(v, btf, { target, subprog, name });
}

/** Index of the function in the target program. */
function checkTargetProg(v: Verification, target: BpfProg, name: string): number {
  const { subprogs } = target.verified;
  const extension = v.prog.type === BPF_PROG_TYPE_EXT;
  const subprog = subprogs.findIndex((s) => s.typeId === v.prog.attachBtfId);
  if (subprog < 0) refuse(v, EINVAL, `Subprog ${name} doesn't exist\n`);
  if (extension) {
    if (subprogs[subprog].unreliable) refuse(v, EINVAL, 'Cannot replace static functions\n');
    if (!v.env.jit) refuse(v, EINVAL, 'Extension programs should be JITed\n');
    adoptRules(v, target);
  }
  if (!target.jited) refuse(v, EINVAL, 'Can attach to only JITed progs\n');
  if (target.type === v.prog.type) refuse(v, EINVAL, 'Cannot recursively attach\n');
  const traced = target.expectedAttachType === BPF_TRACE_FENTRY || target.expectedAttachType === BPF_TRACE_FEXIT;
  if (extension && target.type === BPF_PROG_TYPE_TRACING && traced) refuse(v, EINVAL, 'Cannot extend fentry/fexit\n');
  return subprog;
}

/** The extension is verified by the rules of the target's type. Those of STRUCT_OPS itself allow nothing. */
function adoptRules(v: Verification, target: BpfProg): void {
  v.def =
    target.type === BPF_PROG_TYPE_STRUCT_OPS
      ? { ...target.def, verifier: { getFuncProto: () => undefined, isValidAccess: () => undefined } }
      : target.def;
}

function attachToTracepoint(v: Verification, btf: Btf, typeName: string): void {
  const { attachBtfId, type, targetProg } = v.prog;
  if (targetProg !== undefined) refuse(v, EINVAL, 'Only FENTRY/FEXIT progs are attachable to another BPF prog\n');
  if (btf.kind(attachBtfId) !== BTF_KIND_TYPEDEF) refuse(v, EINVAL, `attach_btf_id ${attachBtfId} is not a typedef\n`);
  if (!typeName.startsWith(TRACE_PREFIX)) {
    refuse(v, EINVAL, `attach_btf_id ${attachBtfId} points to wrong type name ${typeName}\n`);
  }
  const ptr = btf.sizeOrType(attachBtfId);
  const protoId = btf.sizeOrType(ptr);
  if (type === BPF_PROG_TYPE_EXT || btf.kind(ptr) !== BTF_KIND_PTR || btf.kind(protoId) !== BTF_KIND_FUNC_PROTO) {
    reject(EINVAL);
  }
  const name = typeName.slice(TRACE_PREFIX.length);
  settle(v, { prog: undefined, btfId: attachBtfId, name, protoId, btf, subprog: -1, addr: 0n });
}

function attachToFunction(
  v: Verification,
  btf: Btf,
  where: { target: BpfProg | undefined; subprog: number; name: string },
): void {
  const { attachBtfId, type, expectedAttachType } = v.prog;
  const { target, subprog, name } = where;
  const traces = expectedAttachType === BPF_TRACE_FENTRY || expectedAttachType === BPF_TRACE_FEXIT;
  if (!traces && type !== BPF_PROG_TYPE_EXT) reject(EINVAL);
  if (btf.kind(attachBtfId) !== BTF_KIND_FUNC) refuse(v, EINVAL, `attach_btf_id ${attachBtfId} is not a function\n`);
  if (type === BPF_PROG_TYPE_EXT) checkExtensionMatches(v, { btf, funcId: attachBtfId });
  const protoId = btf.sizeOrType(attachBtfId);
  if (btf.kind(protoId) !== BTF_KIND_FUNC_PROTO) reject(EINVAL);

  // A function that was called with other types than its BTF says counts as one of five plain words.
  const conservative = target !== undefined && target.verified.subprogs[subprog].unreliable;
  if (!conservative) checkFuncModel(v, btf, protoId, name);
  let addr = 0n;
  if (target === undefined) {
    addr = v.env.kernelSymbol(name);
    if (addr === 0n) refuse(v, ENOENT, `The address of function ${name} cannot be found\n`);
  }
  settle(v, { prog: target, btfId: attachBtfId, name, protoId, btf, subprog, addr }, { typed: !conservative });
}

function settle(v: Verification, attach: AttachTarget, options: { typed: boolean } = { typed: true }): void {
  v.attach = attach;
  const attachFuncProto = options.typed ? { btf: attach.btf, typeId: attach.protoId, name: attach.name } : undefined;
  v.ctxEnv = { ...v.ctxEnv, attachFuncProto };
}
