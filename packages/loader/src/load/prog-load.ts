// SPDX-License-Identifier: MIT
import { encodeInsns, type Insn } from '@tsbpf/insn';
import {
  BPF_FUNC_probe_read,
  BPF_FUNC_probe_read_kernel,
  BPF_FUNC_probe_read_kernel_str,
  BPF_FUNC_probe_read_str,
  BPF_FUNC_probe_read_user,
  BPF_FUNC_probe_read_user_str,
  BPF_PROG_LOAD,
  EINVAL,
  ENOSPC,
  errnoText,
  LoaderError,
  VerifierError,
  type ProgLoadAttr,
} from '@tsbpf/uapi';
import { logText } from '../btf/load.ts';
import type { BpfProgram } from '../handle/program.ts';
import { isCall } from '../open/relos.ts';
import type { LinkedProg } from './link.ts';
import { newerProg } from './newer.ts';
import type { LoadState } from './state.ts';
import { explainPoison, lastInsn, verdictLine } from './verifier-log.ts';

/** The largest log that every kernel takes, in bytes. */
const LOG_BYTES = 0xffffff;
const LOG_MAX_BYTES = 0x3fffffff;
const OBJ_NAME_MAX = 15;

const OLD_HELPER: Readonly<Record<number, number>> = {
  [BPF_FUNC_probe_read_kernel]: BPF_FUNC_probe_read,
  [BPF_FUNC_probe_read_user]: BPF_FUNC_probe_read,
  [BPF_FUNC_probe_read_kernel_str]: BPF_FUNC_probe_read_str,
  [BPF_FUNC_probe_read_user_str]: BPF_FUNC_probe_read_str,
};

/** Calls helpers by what they were before user and kernel memory were told apart, on kernels of that time. */
function fallBackToProbeRead(state: LoadState, insns: Insn[]): void {
  insns.forEach((insn, i) => {
    const old = isCall(insn) && insn.src === 0 ? OLD_HELPER[insn.imm] : undefined;
    if (old !== undefined && !state.features.has('probeReadKernel')) insns[i] = { ...insn, imm: old };
  });
}

interface Attempt {
  readonly fd: number;
  readonly log: string;
  readonly diagnostic: ProgLoadAttr['diagnostic'];
}

/** PROG_LOAD: without a log, unless one is wanted; then, where that failed, with one that grows until it fits. */
function attempts(state: LoadState, prog: BpfProgram, attr: ProgLoadAttr): Attempt {
  const level = prog.logLevel ?? state.logLevel;
  const run = (logLevel: number, size: number): Attempt => {
    const buffer = logLevel === 0 ? undefined : new Uint8Array(size);
    const call: ProgLoadAttr = { ...attr, log_level: logLevel, ...(buffer === undefined ? {} : { log_buf: buffer }) };
    const fd = state.sys.bpf(BPF_PROG_LOAD, call);
    return { fd, log: buffer === undefined ? '' : logText(buffer), diagnostic: call.diagnostic };
  };
  const { logSize } = state;
  const first = run(level, logSize ?? LOG_BYTES);
  if (logSize !== undefined) return first.fd >= 0 || level !== 0 ? first : run(1, logSize);
  if (first.fd >= 0 || (level !== 0 && first.fd !== -ENOSPC)) return first;
  let best = first;
  for (let size = level === 0 ? LOG_BYTES : LOG_BYTES * 2; size <= LOG_MAX_BYTES; size *= 2) {
    const next = run(level === 0 ? 1 : level, size);
    // A kernel that takes no larger buffer says EINVAL and nothing else: the cut log says more.
    if (next.fd === -EINVAL && next.log === '' && best.log !== '') break;
    best = next;
    if (next.fd !== -ENOSPC) break;
  }
  return { ...best, diagnostic: best.diagnostic ?? first.diagnostic };
}

/** Loads one program, linked and relocated. The result is its fd. */
export function loadProgram(state: LoadState, prog: BpfProgram, linked: LinkedProg): number {
  const { spec, print, features, refuse } = state;
  const { name } = prog;
  if (prog.type === 0) {
    refuse(`prog '${name}': missing BPF prog type, check ELF section name '${prog.sectionName}'`, { prog: name });
  }
  const { insns } = linked;
  fallBackToProbeRead(state, insns);
  prog.adoptInsns(insns);
  const withBtf = state.btfFd >= 0 && features.has('btfFunc');
  const optional = prog.secDef?.expAttachOpt === true && prog.expectedAttachType === prog.secDef.expectedAttachType;
  const attr: ProgLoadAttr = {
    prog_type: prog.type,
    insns: encodeInsns(insns),
    license: spec.license,
    kern_version: prog.kernVersion,
    prog_flags: prog.progFlags,
    expected_attach_type: optional && !features.has('expAttachType') ? 0 : prog.expectedAttachType,
    ...(features.has('progName') ? { prog_name: name.slice(0, OBJ_NAME_MAX) } : {}),
    ...(prog.ifindex === 0 ? {} : { prog_ifindex: prog.ifindex }),
    ...(prog.attachBtfId === 0 ? {} : { attach_btf_id: prog.attachBtfId }),
    ...(prog.attachProgFd === 0 ? {} : { attach_prog_fd: prog.attachProgFd }),
    ...(withBtf ? { prog_btf_fd: state.btfFd } : {}),
    ...(withBtf && linked.funcInfo !== undefined && linked.funcInfo.length > 0
      ? { func_info_rec_size: linked.funcInfoRecSize, func_info: linked.funcInfo }
      : {}),
    ...(withBtf && linked.lineInfo !== undefined && linked.lineInfo.length > 0
      ? { line_info_rec_size: linked.lineInfoRecSize, line_info: linked.lineInfo }
      : {}),
  };
  const { fd, log: rawLog, diagnostic } = attempts(state, prog, attr);
  const log = explainPoison(rawLog, {
    core: linked.poisoned,
    mapName: (idx) => state.maps[idx]?.name,
    externName: (idx) => spec.externs[idx]?.name,
  });
  prog.adoptLog(log);
  if (fd >= 0) return fd;
  const text = `prog '${name}': BPF program load failed: ${errnoText(-fd)}`;
  print('warn', text);
  const withWhy = (why: string | undefined): string => (why === undefined || why === '' ? text : `${text}: ${why}`);
  const newer = fd === -EINVAL ? newerProg(state.sys, prog) : undefined;
  if (log === '' && diagnostic === undefined) throw new LoaderError(withWhy(newer), { errno: -fd, prog: name });
  print('warn', `prog '${name}': -- BEGIN PROG LOAD LOG --\n${log}-- END PROG LOAD LOG --`);
  // The kernel blames a helper that does not exist; the rewritten log says what it stands for.
  const why = log === rawLog ? (diagnostic?.message ?? verdictLine(log)) : verdictLine(log);
  throw new VerifierError(withWhy(why === undefined || why === '' ? newer : why), {
    errno: -fd,
    log,
    insnIdx: diagnostic?.insnIdx ?? lastInsn(log),
    diagnostic,
  });
}
