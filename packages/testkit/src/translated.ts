// SPDX-License-Identifier: MIT
// What a system makes of a program once it is verified: the instructions `bpftool prog dump xlated` shows.
import {
  alu64Imm,
  callHelper,
  decodeInsns,
  encodeInsns,
  exit,
  ldMapFd,
  mov64Imm,
  mov64Reg,
  program,
  stMem,
  type Insn,
} from '@tsbpf/insn';
import {
  BPF_ADD,
  BPF_DW,
  BPF_FUNC_map_lookup_elem,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_LOAD,
  InternalError,
  errnoName,
  type ProgInfo,
  type ProgLoadAttr,
  type Sys,
} from '@tsbpf/uapi';

/** A program as the system runs it, after every rewrite. Throws with the verifier's log where it does not load. */
export function translatedProgram(
  sys: Sys,
  attr: Omit<ProgLoadAttr, 'insns' | 'license'>,
  insns: readonly Insn[],
): Insn[] {
  const log_buf = new Uint8Array(65_536);
  const fd = sys.bpf(BPF_PROG_LOAD, { ...attr, license: 'GPL', insns: encodeInsns(insns), log_buf, log_level: 1 });
  if (fd < 0) {
    const log = new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0)));
    throw new InternalError(`a program of type ${attr.prog_type}: ${errnoName(-fd)}\n${log}`);
  }
  try {
    const lengths = progInfo(sys, fd, {});
    const xlated_prog_insns = new Uint8Array(lengths.xlated_prog_len ?? 0);
    progInfo(sys, fd, { xlated_prog_len: xlated_prog_insns.length, xlated_prog_insns });
    return decodeInsns(xlated_prog_insns);
  } finally {
    sys.close(fd);
  }
}

function progInfo(sys: Sys, fd: number, info: ProgInfo): ProgInfo {
  const err = sys.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
  if (err < 0) throw new InternalError(`BPF_OBJ_GET_INFO_BY_FD: ${errnoName(-err)}`);
  return info;
}

/** What stands where a program of this type called `bpf_map_lookup_elem`; the map's keys are of eight bytes at the most. */
export function translatedLookup(sys: Sys, mapFd: number, progType: number): Insn[] {
  const before = [stMem(BPF_DW, 10, -8, 0), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -8), ...ldMapFd(1, mapFd)];
  const after = [mov64Imm(0, 0), exit()];
  const insns = program(...before, callHelper(BPF_FUNC_map_lookup_elem), ...after);
  const xlated = translatedProgram(sys, { prog_type: progType }, insns);
  return xlated.slice(before.length, xlated.length - after.length);
}
