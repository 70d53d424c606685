// SPDX-License-Identifier: MIT
// The instructions of a loaded program as user space may see them: no kernel addresses.
// @see kernel/bpf/syscall.c, bpf_insn_prepare_dump
import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_MEM,
  BPF_LDX,
} from '@tsbpf/uapi';
import { isLdImm64, type Insn } from '@tsbpf/insn';
import type { BpfMap, VerifiedProg } from '@tsbpf/core';

const TAIL_CALL = BPF_JMP | 0xf0;
const CALL = BPF_JMP | BPF_CALL;
/** The mode bits the verifier gives loads through BTF pointers. */
const PROBE_MEM = 0x20;

export function showableInsns(verified: VerifiedProg): Insn[] {
  const out = verified.insns.map((insn) => insn);
  for (let i = 0; i < out.length; i++) {
    const insn = out[i];
    if (insn === undefined) continue;
    const aux = verified.aux[i];
    if (insn.code === TAIL_CALL) {
      out[i] = { code: CALL, dst: 0, src: 0, off: 0, imm: 12 };
    } else if (insn.code === CALL && insn.src === BPF_PSEUDO_CALL) {
      // A compiled program keeps the distance in `off` and the callee's number in `imm`. @see jit_subprogs
      const callee = verified.subprogs.findIndex((subprog) => subprog.start === i + insn.imm + 1);
      out[i] = { ...insn, off: (insn.imm << 16) >> 16, imm: callee };
    } else if ((insn.code & 0x07) === BPF_LDX && (insn.code & 0xe0) === PROBE_MEM) {
      out[i] = { ...insn, code: (insn.code & 0x1f) | BPF_MEM };
    } else if (isLdImm64(insn)) {
      const next = out[i + 1];
      if (aux?.map !== undefined && next !== undefined) {
        const direct = aux.mapValueOff !== undefined;
        out[i] = { ...insn, src: direct ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD, imm: (aux.map as BpfMap).id };
        out[i + 1] = { ...next, imm: direct ? (aux.mapValueOff ?? 0) : 0 };
      }
      i++;
    }
  }
  return out;
}
