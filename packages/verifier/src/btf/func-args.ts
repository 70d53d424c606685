// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, type Btf, type BtfFuncProto } from '@tsbpf/btf';
import type { RegType } from '@tsbpf/core';
import { BPF_PROG_TYPE_EXT, EFAULT, EINVAL } from '@tsbpf/uapi';
import { refuse } from '../refuse.ts';
import type { Verification } from '../verification.ts';
import { isScalarKind, kindName } from './kind-names.ts';
import { ctxPointedTo } from './prog-ctx.ts';

/** Arguments a function of a program takes, in R1 to R5. */
const MAX_ARGS = 5;

function protoOf(btf: Btf, funcId: number): BtfFuncProto {
  return btf.typeOf(btf.sizeOrType(funcId), BTF_KIND_FUNC_PROTO);
}

/**
 * Whether the registers at a call (or at the start of main) agree with the callee's BTF: integers are scalars, pointers
 * are the context, unmodified. If not, the reason is logged and the function is unreliable from then on. Also false
 * where there is no BTF to compare with. Errors of static functions do not matter to the verdict.
 * @param regs by register number
 * @param ctxRegOk logs and says no where a register that holds the context was modified
 * @see kernel/bpf/btf.c, btf_check_func_arg_match
 */
export function matchFuncArgs(
  v: Verification,
  subprogIdx: number,
  regs: ArrayLike<{ readonly type: RegType }>,
  ctxRegOk: (regno: number) => boolean,
): boolean {
  const { btf } = v.prog;
  const subprog = v.subprogs[subprogIdx];
  if (btf === undefined || v.funcInfo.length === 0 || subprog.unreliable) return false;

  const problem = argProblem(v, btf, subprogIdx, regs, ctxRegOk);
  if (problem === undefined) return true;
  v.log.write(problem);
  subprog.unreliable = true;
  return false;
}

/** The first disagreement as a message; an empty one where it has been logged. */
function argProblem(
  v: Verification,
  btf: Btf,
  subprogIdx: number,
  regs: ArrayLike<{ readonly type: RegType }>,
  ctxRegOk: (regno: number) => boolean,
): string | undefined {
  const { typeId: funcId, name } = v.subprogs[subprogIdx];
  const { params } = protoOf(btf, funcId);
  if (params.length > MAX_ARGS) return `Function ${name} has ${params.length} > 5 args\n`;
  for (let i = 0; i < params.length; i++) {
    const typeId = btf.skipModifiers(params[i].typeId);
    const held = regs[i + 1].type;
    if (isScalarKind(btf, typeId)) {
      if (held !== 'SCALAR_VALUE') return `R${i + 1} is not a scalar\n`;
      continue;
    }
    if (btf.kind(typeId) === BTF_KIND_PTR) {
      if (held === 'SCALAR_VALUE') return `R${i + 1} is not a pointer\n`;
      if (ctxPointedTo(v, { btf, ptrId: typeId, arg: i }, v.prog.type) !== undefined) {
        if (held !== 'PTR_TO_CTX') return `arg#${i} expected pointer to ctx, but got ${kindName(btf, typeId)}\n`;
        if (!ctxRegOk(i + 1)) return '';
        continue;
      }
    }
    return `Unrecognized arg#${i} type ${kindName(btf, typeId)}\n`;
  }
  return undefined;
}

/** What a register holds when a global function, or an extension, is verified on its own. */
export type StartType = 'SCALAR_VALUE' | 'PTR_TO_CTX';

/**
 * Types of R1 to R5 at the start of a global function or of an extension's main function, from BTF alone; registers
 * beyond its parameters are undefined. Index 0 is R0.
 * @errno EINVAL a prototype that is not supported; EFAULT a function that is not global
 * @see kernel/bpf/btf.c, btf_prepare_func_args
 */
export function prepareFuncArgs(v: Verification, subprogIdx: number): (StartType | undefined)[] {
  const { btf } = v.prog;
  const { typeId: funcId, name, linkage, unreliable } = v.subprogs[subprogIdx];
  if (btf === undefined || v.funcInfo.length === 0 || linkage !== 'global') return refuse(v, EFAULT, 'Verifier bug\n');
  if (v.log.level1) v.log.write(`Validating ${name}() func#${subprogIdx}...\n`);
  if (unreliable) refuse(v, EFAULT, `Verifier bug in function ${name}()\n`);

  const progType = v.prog.type === BPF_PROG_TYPE_EXT ? v.prog.targetProg?.type : v.prog.type;
  const { params, returnTypeId } = protoOf(btf, funcId);
  if (params.length > MAX_ARGS) {
    refuse(v, EINVAL, `Global function ${name}() with ${params.length} > 5 args. Buggy compiler.\n`);
  }
  if (!isScalarKind(btf, btf.skipModifiers(returnTypeId))) {
    refuse(v, EINVAL, `Global function ${name}() doesn't return scalar. Only those are supported.\n`);
  }
  const types: (StartType | undefined)[] = [undefined];
  params.forEach((param, i) => {
    const typeId = btf.skipModifiers(param.typeId);
    const isCtx = (): boolean =>
      btf.kind(typeId) === BTF_KIND_PTR &&
      ctxPointedTo(v, { btf, ptrId: typeId, arg: i }, progType ?? v.prog.type) !== undefined;
    if (isScalarKind(btf, typeId)) types.push('SCALAR_VALUE');
    else if (isCtx()) types.push('PTR_TO_CTX');
    else refuse(v, EINVAL, `Arg#${i} type ${kindName(btf, typeId)} in ${name}() is not supported yet.\n`);
  });
  return types;
}
