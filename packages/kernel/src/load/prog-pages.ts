// SPDX-License-Identifier: MIT
import { BPF_INSN_SIZE } from '@tsbpf/uapi';

const PAGE_SIZE = 4096;
/** Offset of the instructions in `struct bpf_prog` of v5.6 on a 64-bit machine. */
const INSNS_OFF = 56;

/** Bytes that a program of so many instructions is charged for: whole pages. @see kernel/bpf/core.c, bpf_prog_alloc */
export function progCharge(insnCnt: number): number {
  return Math.ceil((INSNS_OFF + insnCnt * BPF_INSN_SIZE) / PAGE_SIZE) * PAGE_SIZE;
}
