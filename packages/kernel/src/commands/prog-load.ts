// SPDX-License-Identifier: MIT
// BPF_PROG_LOAD: the checks before the verifier, in Linux's order, and the pipeline behind it.
// @see kernel/bpf/syscall.c, bpf_prog_load
import {
  BPF_F_ANY_ALIGNMENT,
  BPF_F_STRICT_ALIGNMENT,
  BPF_F_TEST_RND_HI32,
  BPF_F_TEST_STATE_FREQ,
  BPF_INSN_SIZE,
  BPF_MAXINSNS,
  BPF_PROG_TYPE_EXT,
  BPF_PROG_TYPE_STRUCT_OPS,
  BPF_PROG_TYPE_TRACING,
  CAP_SYS_ADMIN,
  E2BIG,
  EINVAL,
  ENOMEM,
  EPERM,
  type ProgLoadAttr,
} from '@tsbpf/uapi';
import { decodeInsns } from '@tsbpf/insn';
import type { BpfProg, ProgToVerify, ProgTypeDef } from '@tsbpf/core';
import { checkName } from '../state/names.ts';
import { createProg } from '../load/create-prog.ts';
import { installProg } from './prog-file.ts';
import { progCharge } from '../load/prog-pages.ts';
import { logRequest, writeLog } from '../load/log-buffer.ts';
import { verifierEnv } from '../load/verifier-env.ts';
import type { Command } from '../command.ts';
import type { KernelState } from '../kernel-state.ts';

const KNOWN_FLAGS = BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT | BPF_F_TEST_RND_HI32 | BPF_F_TEST_STATE_FREQ;
const MAX_INSNS = 1_000_000;
/** Bytes of the licence that count. */
const LICENSE_LEN = 127;
const MAX_LOG = 0xffffffff >>> 2;
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const BTF_MAX_TYPE = 0x000fffff;
const GPL = new Set(['GPL', 'GPL v2', 'GPL and additional rights', 'Dual BSD/GPL', 'Dual MIT/GPL', 'Dual MPL/GPL']);

/** The rules on attach target and expected attach type. @see bpf_prog_load_check_attach */
function checkAttach(k: KernelState, attr: ProgLoadAttr, expected: number): number {
  const type = attr.prog_type;
  const attachBtfId = attr.attach_btf_id ?? 0;
  if (attachBtfId !== 0) {
    if (attachBtfId > BTF_MAX_TYPE) return -EINVAL;
    if (type !== BPF_PROG_TYPE_TRACING && type !== BPF_PROG_TYPE_STRUCT_OPS && type !== BPF_PROG_TYPE_EXT)
      return -EINVAL;
  }
  if ((attr.attach_prog_fd ?? 0) !== 0 && type !== BPF_PROG_TYPE_TRACING && type !== BPF_PROG_TYPE_EXT) return -EINVAL;
  if (type === BPF_PROG_TYPE_EXT) return expected === 0 ? 0 : -EINVAL;
  const allowed = k.progTypes.get(type)?.expectedAttachTypes;
  return allowed === undefined || allowed.includes(expected) ? 0 : -EINVAL;
}

export const progLoad: Command<5> = (k, attr) => {
  if (((attr.prog_flags ?? 0) & ~KNOWN_FLAGS) !== 0) return -EINVAL;
  const privileged = k.env.capable(CAP_SYS_ADMIN);
  const gplCompatible = GPL.has(attr.license.slice(0, LICENSE_LEN));
  const insnCnt = attr.insns.length / BPF_INSN_SIZE;
  if (insnCnt === 0 || insnCnt > (privileged ? MAX_INSNS : BPF_MAXINSNS)) return -E2BIG;
  if (!Number.isInteger(insnCnt)) return -EINVAL;
  const def = k.progTypes.get(attr.prog_type);
  if (def?.unprivileged !== true && !privileged) return -EPERM;
  const expected = (attr.expected_attach_type ?? 0) || (def?.defaultAttachType ?? 0);
  const badAttach = checkAttach(k, attr, expected);
  if (badAttach < 0) return badAttach;

  let targetProg: BpfProg | undefined;
  if ((attr.attach_prog_fd ?? 0) !== 0) {
    const file = k.fds.get(attr.attach_prog_fd ?? 0, 'prog');
    if (typeof file === 'number') return file;
    targetProg = file.prog;
  }
  // Instructions that the verifier adds are charged for as they come; all of it goes with what fails.
  const charge = progCharge(insnCnt);
  if (k.memlock.charge(charge) < 0) return -EPERM;
  return verifyAndInstall({ k, attr, def, expected, gplCompatible, privileged, targetProg, charge });
};

interface Checked {
  readonly k: KernelState;
  readonly attr: ProgLoadAttr;
  readonly def: ProgTypeDef | undefined;
  readonly expected: number;
  readonly gplCompatible: boolean;
  readonly privileged: boolean;
  readonly targetProg: BpfProg | undefined;
  /** Bytes charged so far. */
  readonly charge: number;
}

/** The rest of the load; an fd, or -errno with the charge taken back. */
function verifyAndInstall(from: Checked): number {
  const { k } = from;
  const made = verifiedProg(from);
  if (typeof made === 'number') {
    k.memlock.uncharge(from.charge);
    return made;
  }
  const fd = installProg(k, made);
  if (fd < 0) made.put();
  return fd;
}

function verifiedProg({
  k,
  attr,
  def,
  expected,
  gplCompatible,
  privileged,
  targetProg,
  charge,
}: Checked): BpfProg | number {
  if (def === undefined) return -EINVAL;
  const badName = checkName(attr.prog_name);
  if (badName < 0) return badName;

  const log = logRequest({ level: attr.log_level ?? 0, buf: attr.log_buf, maxBytes: MAX_LOG });
  if (log === undefined) return -EINVAL;
  const btfOrErrno = progBtf(k, attr);
  const btf = typeof btfOrErrno === 'number' ? undefined : btfOrErrno;

  const toVerify: ProgToVerify = {
    type: attr.prog_type,
    insns: decodeInsns(attr.insns),
    gplCompatible,
    expectedAttachType: expected,
    flags: attr.prog_flags ?? 0,
    name: attr.prog_name ?? '',
    devBound: (attr.prog_ifindex ?? 0) !== 0,
    privileged,
    btf: btf?.btf,
    ...(typeof btfOrErrno === 'number' ? { btfErrno: btfOrErrno } : {}),
    funcInfo: records(attr.func_info, attr.func_info_rec_size),
    lineInfo: records(attr.line_info, attr.line_info_rec_size),
    attachBtfId: attr.attach_btf_id ?? 0,
    targetProg,
  };
  const result = k.verify(verifierEnv(k), toVerify, { ...(log.level === 0 ? {} : { log }), diagnose: true });
  writeLog(attr.log_buf, result.log, log);
  if (result.errno < 0 || result.verified === undefined) {
    attr.diagnostic = result.diagnostic;
    if (result.errno === -E2BIG) reportRecordSize(attr);
    return result.errno;
  }
  const { verified } = result;
  const more = progCharge(verified.insns.length) - charge;
  if (more > 0 && k.memlock.charge(more) < 0) return -ENOMEM;
  const prog = createProg(k, { attr, def, expected, gplCompatible, btf, targetProg, result, verified });
  if (typeof prog === 'number' && more > 0) k.memlock.uncharge(more);
  return prog;
}

/** Tells a user of longer records than the kernel knows which size it knows. @see bpf_check_uarg_tail_zero */
function reportRecordSize(attr: ProgLoadAttr): void {
  if ((attr.func_info_rec_size ?? 0) > FUNC_INFO_SIZE) attr.func_info_rec_size = FUNC_INFO_SIZE;
  else if ((attr.line_info_rec_size ?? 0) > LINE_INFO_SIZE) attr.line_info_rec_size = LINE_INFO_SIZE;
}

function progBtf(k: KernelState, attr: ProgLoadAttr) {
  const has = (attr.func_info?.length ?? 0) > 0 || (attr.line_info?.length ?? 0) > 0;
  if (!has) return undefined;
  const file = k.fds.get(attr.prog_btf_fd ?? 0, 'btf');
  return typeof file === 'number' ? file : file.btf;
}

function records(bytes: Uint8Array | undefined, recSize: number | undefined) {
  return bytes === undefined || bytes.length === 0 ? undefined : { recSize: recSize ?? 0, bytes };
}
