// SPDX-License-Identifier: MIT
// Finds the BTF id of what a program attaches to by name.
import { BTF_KIND_FUNC, BTF_KIND_TYPEDEF, parseBtf, type Btf } from '@tsbpf/btf';
import {
  BPF_BTF_GET_FD_BY_ID,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_TYPE_TRACING,
  BPF_TRACE_RAW_TP,
  EINVAL,
  ENOENT,
  type BtfInfo,
  type ProgInfo,
  type Sys,
} from '@tsbpf/uapi';
import { must } from '../handle/syscall.ts';
import type { BpfProgram } from '../handle/program.ts';
import { newerProg } from './newer.ts';
import type { LoadState } from './state.ts';

const BPF_PROG_TYPE_LSM = 29;
const BPF_TRACE_ITER = 28;

/** How the kernel's BTF names the target: hooks of tracepoints, LSM and iterators have a prefix of their own. */
function targetName(prog: BpfProgram, name: string): { name: string; kind: number } {
  if (prog.type === BPF_PROG_TYPE_TRACING && prog.expectedAttachType === BPF_TRACE_RAW_TP) {
    return { name: `btf_trace_${name}`, kind: BTF_KIND_TYPEDEF };
  }
  if (prog.type === BPF_PROG_TYPE_TRACING && prog.expectedAttachType === BPF_TRACE_ITER) {
    return { name: `bpf_iter_${name}`, kind: BTF_KIND_FUNC };
  }
  if (prog.type === BPF_PROG_TYPE_LSM) return { name: `bpf_lsm_${name}`, kind: BTF_KIND_FUNC };
  return { name, kind: BTF_KIND_FUNC };
}

/** The BTF that a loaded program came with. */
export function btfOfProg(sys: Sys, progFd: number): Btf | undefined {
  const info: ProgInfo = {};
  must(sys, BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: progFd, info }, `info of program fd ${progFd}`);
  if (info.btf_id === undefined || info.btf_id === 0) return undefined;
  const fd = must(sys, BPF_BTF_GET_FD_BY_ID, { btf_id: info.btf_id }, `BTF ${info.btf_id}`);
  try {
    const size: BtfInfo = {};
    must(sys, BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info: size }, `info of BTF ${info.btf_id}`);
    const blob: BtfInfo = { btf: new Uint8Array(size.btf_size ?? 0) };
    must(sys, BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info: blob }, `info of BTF ${info.btf_id}`);
    return parseBtf(blob.btf ?? new Uint8Array());
  } finally {
    sys.close(fd);
  }
}

/** Fills in the program's target, where its section or the caller names one. */
export function resolveAttachTarget(state: LoadState, prog: BpfProgram): void {
  const { refuse, sys } = state;
  if (prog.attachBtfId !== 0) return;
  const wanted = prog.attachTarget;
  if (prog.secDef?.attachBtf !== true && wanted === undefined) return;
  const bad = (text: string, errno: number): never =>
    refuse(text, { errno, prog: prog.name, hint: newerProg(sys, prog) });
  if (wanted === undefined || wanted === '') {
    bad(`prog '${prog.name}': no BTF-based attach target is specified, use bpf_program__set_attach_target()`, EINVAL);
    return;
  }
  if (prog.attachProgFd !== 0) {
    const btf = btfOfProg(sys, prog.attachProgFd);
    if (btf === undefined) return bad(`prog '${prog.name}': the target program has no BTF`, EINVAL);
    const id = btf.findByName(wanted, BTF_KIND_FUNC);
    if (id === undefined)
      return bad(`prog '${prog.name}': '${wanted}' is not found in the target program's BTF`, ENOENT);
    prog.adoptAttachBtfId(id);
    return;
  }
  const { name, kind } = targetName(prog, wanted);
  const id = state.kernelBtf().findByName(name, kind);
  if (id === undefined) {
    return bad(`prog '${prog.name}': failed to find kernel BTF type ID of '${wanted}': ${-ENOENT}`, ENOENT);
  }
  prog.adoptAttachBtfId(id);
}
