// SPDX-License-Identifier: MIT
import { BPF_AND, BPF_B, BPF_FUNC_skb_pull_data, BPF_JEQ, BPF_MOV, BPF_XOR } from '@tsbpf/uapi';
import { alu32Imm, alu64Reg, callHelper, exit, jmpImm, ldxMem, mov64Reg, type Insn } from '@tsbpf/insn';
import type { KernelTypes } from '@tsbpf/core';

/** The lowest of the eight bits that `cloned` begins. */
const CLONED_MASK = 1;

/**
 * What a program that writes packet data begins with: a cloned sk_buff is made private, and where that fails the program
 * ends with `verdict`. @see net/core/filter.c, bpf_unclone_prologue
 */
export function unclonePrologue(directWrite: boolean, types: KernelTypes, verdict: number): Insn[] | undefined {
  if (!directWrite) return undefined;
  const { off } = types.tryResolve('sk_buff.__cloned_offset') ?? types.resolve('sk_buff.cloned');
  return [
    ldxMem(BPF_B, 6, 1, off),
    alu32Imm(BPF_AND, 6, CLONED_MASK),
    jmpImm(BPF_JEQ, 6, 0, 7),
    mov64Reg(6, 1),
    alu64Reg(BPF_XOR, 2, 2),
    callHelper(BPF_FUNC_skb_pull_data),
    jmpImm(BPF_JEQ, 0, 0, 2),
    alu32Imm(BPF_MOV, 0, verdict),
    exit(),
    mov64Reg(1, 6),
  ];
}
