// SPDX-License-Identifier: MIT
import type { Insn } from '@tsbpf/insn';
import { EINVAL, UsageError } from '@tsbpf/uapi';

/** The error for an instruction that no engine knows. */
export function unknownInsn(insn: Insn, idx: number): UsageError {
  const code = insn.code.toString(16).padStart(2, '0');
  return new UsageError(`instruction ${idx} has the opcode ${code} (off ${insn.off}, imm ${insn.imm}), unknown here`, {
    errno: EINVAL,
  });
}
