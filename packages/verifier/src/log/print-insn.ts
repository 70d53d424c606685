// SPDX-License-Identifier: MIT
import { type Insn, formatInsnLine } from '@tsbpf/insn';
import type { Verification } from '../verification.ts';

function imm64(v: Verification): (insn: Insn, idx: number, value: bigint) => string {
  return (insn, _idx, value) => (insn.src !== 0 && !v.allowPtrLeaks ? '0x0' : `0x${value.toString(16)}`);
}

/** An instruction in the log's words, its opcode first: `(b7) r0 = 1`. Unprivileged loaders see no map's address. */
export function insnText(v: Verification, idx: number): string {
  return formatInsnLine(v.insns, idx, { version: v.env.version, imm64: imm64(v) });
}

/** Logs an instruction with its index. */
export function logInsn(v: Verification, idx: number): void {
  if (v.log.full) return;
  v.log.write(`${idx}: `);
  v.log.write(`${insnText(v, idx)}\n`);
}
