// SPDX-License-Identifier: MIT
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP, BPF_PSEUDO_CALL, E2BIG, EINVAL, EPERM } from '@tsbpf/uapi';
import { type Insn, jumpTarget } from '@tsbpf/insn';
import { refuse } from '../refuse.ts';
import type { SubprogFacts, Verification } from '../verification.ts';

/** Functions of one program, main included. */
const MAX_SUBPROGS = 256;

/**
 * Finds the functions of the program: main and every target of a call, dead calls included. Jumps must stay inside
 * their function, and each function must end in an exit or a plain jump.
 * @errno EPERM calls without privilege; E2BIG too many functions; EINVAL
 * @see kernel/bpf/verifier.c, check_subprogs
 */
export function findSubprogs(v: Verification): void {
  const starts = collectStarts(v);
  if (v.log.level2) starts.forEach((start, i) => v.log.write(`func#${i} @${start}\n`));
  checkBoundaries(v, starts);
}

function newSubprog(start: number): SubprogFacts {
  return {
    start,
    lineInfoIdx: 0,
    stackDepth: 0,
    hasTailCall: false,
    typeId: 0,
    name: '',
    linkage: 'static',
    unreliable: false,
  };
}

/** Whether an instruction calls a function of the same program. */
export function isSubprogCall(insn: Insn): boolean {
  return insn.code === (BPF_JMP | BPF_CALL) && insn.src === BPF_PSEUDO_CALL;
}

/** Also keeps them: the last lines of the log name the functions found, even where the search ended early. */
function collectStarts(v: Verification): number[] {
  const starts = new Set([0]);
  const keep = (): number[] => {
    const sorted = [...starts].sort((a, b) => a - b);
    v.subprogs = sorted.map(newSubprog);
    return sorted;
  };
  keep();
  for (let i = 0; i < v.insns.length; i++) {
    const insn = v.insns[i];
    if (!isSubprogCall(insn)) continue;
    if (!v.allowPtrLeaks) {
      refuse(v, EPERM, 'function calls to other bpf functions are allowed for root only\n');
    }
    // The kernel adds 32-bit integers.
    const target = (i + insn.imm + 1) | 0;
    const outside = target < 0 || target >= v.insns.length;
    if (!outside && starts.has(target)) continue;
    if (outside || starts.size >= MAX_SUBPROGS) {
      keep();
      if (outside) refuse(v, EINVAL, 'call to invalid destination\n');
      refuse(v, E2BIG, 'too many subprograms\n');
    }
    starts.add(target);
  }
  return keep();
}

function checkBoundaries(v: Verification, starts: readonly number[]): void {
  let current = 0;
  let end = starts[1] ?? v.insns.length;
  for (let i = 0; i < v.insns.length; i++) {
    const insn = v.insns[i];
    const target = jumpTarget(insn, i);
    if (target !== undefined && (target < starts[current] || target >= end)) {
      refuse(v, EINVAL, `jump out of range from insn ${i} to ${target}\n`);
    }
    if (i !== end - 1) continue;
    if (insn.code !== (BPF_JMP | BPF_EXIT) && insn.code !== (BPF_JMP | BPF_JA)) {
      refuse(v, EINVAL, 'last insn is not an exit or jmp\n');
    }
    current++;
    end = starts[current + 1] ?? v.insns.length;
  }
}
