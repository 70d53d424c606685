// SPDX-License-Identifier: MIT
// Access to the program's context. @see kernel/bpf/verifier.c, check_ctx_access, check_ctx_reg
import type { AccessInfo } from '@tsbpf/core';
import { EACCES } from '@tsbpf/uapi';
import { btfCtxAccess, hasBtfContext } from '../btf/ctx-access.ts';
import { logSourceLine } from '../log/source-line.ts';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import { formatTnum, tnumIsConst } from '../scalar/index.ts';
import type { Analysis } from '../state/analysis.ts';
import type { Reg } from '../state/reg.ts';

/** Why a context pointer is not the one the program got; undefined where it is. */
export function ctxRegProblem(reg: Reg, regno: number): string | undefined {
  if (reg.off !== 0) return `dereference of modified ctx ptr R${regno} off=${reg.off} disallowed\n`;
  const { bounds } = reg;
  if (!tnumIsConst(bounds) || (bounds.valueLo | bounds.valueHi) !== 0) {
    return `variable ctx access var_off=${formatTnum(bounds)} disallowed\n`;
  }
  return undefined;
}

/** @errno EACCES the context pointer was changed */
export function checkCtxReg(a: Analysis, reg: Reg, regno: number): void {
  const problem = ctxRegProblem(reg, regno);
  if (problem !== undefined) refuse(a.v, EACCES, problem);
}

function ask(a: Analysis, off: number, size: number, write: boolean): AccessInfo | undefined {
  const { v } = a;
  if (hasBtfContext(v)) return btfCtxAccess(v, { off, size, write });
  const answer = v.def.verifier.isValidAccess({ off, size, write, prog: v.facts }, v.ctxEnv);
  if (typeof answer !== 'string') return answer;
  v.log.write(answer);
  return undefined;
}

/**
 * What the program's type says of the access.
 * @errno EACCES
 */
export function checkCtxAccess(a: Analysis, off: number, size: number, write: boolean): AccessInfo {
  const { v } = a;
  const info = ask(a, off, size, write);
  if (info === undefined) {
    v.log.write(`invalid bpf_context access off=${off} size=${size}\n`);
    logSourceLine(v, a.insnIdx, '; ');
    reject(EACCES);
  }
  if (info.regType !== 'PTR_TO_BTF_ID') a.facts[a.insnIdx].ctxFieldSize = info.ctxFieldSize;
  if (v.maxCtxOffset < off + size) v.maxCtxOffset = off + size;
  return info;
}
