// SPDX-License-Identifier: MIT
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP, BPF_JMP32 } from '@tsbpf/uapi';
import { type Insn, insnClass, insnOp, isLdImm64, ja } from '@tsbpf/insn';
import type { Verification } from '../verification.ts';
import { removeInsns } from './remove.ts';

function isConditionalJump(insn: Insn): boolean {
  const cls = insnClass(insn);
  if (cls === BPF_JMP32) return true;
  const op = insnOp(insn);
  return cls === BPF_JMP && op !== BPF_JA && op !== BPF_EXIT && op !== BPF_CALL;
}

/** The second half of a 64-bit immediate load lives as long as the first. */
export function joinHalves(v: Verification): void {
  for (let i = 1; i < v.insns.length; i++) {
    if (!isLdImm64(v.insns[i - 1])) continue;
    v.insnFacts[i].seen = v.insnFacts[i - 1].seen;
    i++;
  }
}

/** Turns conditional jumps of which the analysis saw one way only into plain jumps. */
export function hardWireDeadBranches(v: Verification): void {
  v.insns = v.insns.map((insn, i) => {
    if (!isConditionalJump(insn)) return insn;
    if (!v.insnFacts[i + 1].seen) return ja(insn.off);
    if (!v.insnFacts[i + 1 + insn.off].seen) return ja(0);
    return insn;
  });
}

/** Removes what the analysis never reached. */
export function removeDeadCode(v: Verification): void {
  removeInsns(v, (i) => !v.insnFacts[i].seen);
}

/** Removes jumps to the next instruction. */
export function removeNops(v: Verification): void {
  removeInsns(v, (i) => {
    const { code, dst, src, off, imm } = v.insns[i];
    return code === (BPF_JMP | BPF_JA) && dst === 0 && src === 0 && off === 0 && imm === 0;
  });
}

/**
 * Without privilege: what was never reached must not run even speculatively, so it becomes a jump to itself.
 * @see kernel/bpf/verifier.c, sanitize_dead_code
 */
export function trapDeadCode(v: Verification): void {
  v.insns = v.insns.map((insn, i) => (v.insnFacts[i].seen ? insn : ja(-1)));
}
