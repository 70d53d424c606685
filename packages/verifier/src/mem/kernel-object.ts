// SPDX-License-Identifier: MIT
// Access to kernel structures other than the context: sockets, flow keys, tracepoint buffers, and whatever BTF types.
// @see kernel/bpf/verifier.c, check_sock_access, check_flow_keys_access, check_tp_buffer_access, check_ptr_to_btf_access
import { EACCES } from '@tsbpf/uapi';
import { btfStructAccess, type StructLoad } from '../btf/struct-access.ts';
import { kernelTypeName } from '../log/print-state.ts';
import { refuse } from '../refuse.ts';
import { formatTnum, tnumIsConst } from '../scalar/index.ts';
import { type Analysis, regAt } from '../state/analysis.ts';
import type { Reg } from '../state/reg.ts';
import { REG_TYPE_NAMES } from '../state/reg-class.ts';

/** Bytes of struct bpf_flow_keys. */
const FLOW_KEYS_SIZE = 56;

function hasVariablePart(reg: Reg): boolean {
  return !tnumIsConst(reg.bounds) || (reg.bounds.valueLo | reg.bounds.valueHi) !== 0;
}

/** A load of a field of a socket's public view. @errno EACCES */
export function checkSockLoad(a: Analysis, regno: number, off: number, size: number): void {
  const reg = regAt(a, regno);
  if (reg.bounds.sminHi < 0) {
    refuse(a.v, EACCES, `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.\n`);
  }
  const info = a.v.env.ptrClass(reg.type)?.isValidAccess({ off, size, write: false, prog: a.v.facts });
  if (info === undefined) {
    refuse(a.v, EACCES, `R${regno} invalid ${REG_TYPE_NAMES[reg.type]} access off=${off} size=${size}\n`);
  }
  a.facts[a.insnIdx].ctxFieldSize = info.ctxFieldSize;
}

/** A variable part of the pointer is not looked at, as in Linux. @errno EACCES */
export function checkFlowKeysAccess(a: Analysis, off: number, size: number): void {
  if (size < 0 || off < 0 || off + size > FLOW_KEYS_SIZE) {
    refuse(a.v, EACCES, `invalid access to flow keys off=${off} size=${size}\n`);
  }
}

/** How far the program reaches is checked against the tracepoint when it is attached. @errno EACCES */
export function checkTpBufferAccess(a: Analysis, regno: number, off: number, size: number): void {
  const reg = regAt(a, regno);
  if (off < 0) refuse(a.v, EACCES, `R${regno} invalid tracepoint buffer access: off=${off}, size=${size}`);
  if (hasVariablePart(reg)) {
    refuse(a.v, EACCES, `R${regno} invalid variable buffer offset: off=${off}, var_off=${formatTnum(reg.bounds)}`);
  }
  if (off + size > a.v.maxTpAccess) a.v.maxTpAccess = off + size;
}

/** An access through a pointer typed by the kernel's BTF. @errno EACCES, EINVAL */
export function checkBtfAccess(
  a: Analysis,
  regno: number,
  access: { off: number; size: number; write: boolean },
): StructLoad | undefined {
  const { v } = a;
  const reg = regAt(a, regno);
  const { off, size, write } = access;
  const who = `R${regno} is ptr_${kernelTypeName(v, reg.btfId)}`;
  if (off < 0) refuse(v, EACCES, `${who} invalid negative access: off=${off}\n`);
  if (hasVariablePart(reg)) {
    refuse(v, EACCES, `${who} invalid variable offset: off=${off}, var_off=${formatTnum(reg.bounds)}\n`);
  }
  if (!write) return btfStructAccess(v, { structId: reg.btfId, off, size });
  const { vmlinux } = v.env;
  const rule = v.def.verifier.btfStructWrite;
  if (rule === undefined || vmlinux === undefined) refuse(v, EACCES, 'only read is supported\n');
  const answer = rule({ btf: vmlinux, structId: reg.btfId, off, size }, v.ctxEnv);
  if (answer !== true) refuse(v, EACCES, answer);
  a.facts[a.insnIdx].btfStore = true;
  return undefined;
}
