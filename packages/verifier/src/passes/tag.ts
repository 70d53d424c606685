// SPDX-License-Identifier: MIT
import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, BPF_TAG_SIZE } from '@tsbpf/uapi';
import { encodeInsns, isLdImm64, type Insn } from '@tsbpf/insn';
import { sha1 } from './sha1.ts';

/**
 * The tag of a program as loaded: the first 8 bytes of the SHA-1 of its instructions, in which fds of maps and offsets
 * in their values count as zero.
 * @see kernel/bpf/core.c, bpf_prog_calc_tag
 */
export function progTag(insns: readonly Insn[]): Uint8Array {
  let secondOfMap = false;
  const cleared = insns.map((insn) => {
    if (secondOfMap) {
      secondOfMap = false;
      if (insn.code === 0 && insn.dst === 0 && insn.src === 0 && insn.off === 0) return { ...insn, imm: 0 };
      return insn;
    }
    secondOfMap = isLdImm64(insn) && (insn.src === BPF_PSEUDO_MAP_FD || insn.src === BPF_PSEUDO_MAP_VALUE);
    return secondOfMap ? { ...insn, imm: 0 } : insn;
  });
  return sha1(encodeInsns(cleared)).slice(0, BPF_TAG_SIZE);
}
