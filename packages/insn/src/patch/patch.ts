// SPDX-License-Identifier: MIT
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  EINVAL,
  UsageError,
} from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { LD_IMM64 } from '../insn.ts';

/** `count` slots from `at` on are to become `replacement`. */
export interface Patch {
  readonly at: number;
  readonly count: number;
  /** Its jumps count from their own place in it, and may leave it only by its end. */
  readonly replacement: readonly Insn[];
}

/** A patched program. */
export interface Patched {
  readonly insns: Insn[];
  /**
   * Where each old slot is now, one entry more than there were slots: the first slot of what replaced it for a
   * replaced one, the next kept slot for a removed one.
   */
  readonly newIdx: Int32Array;
}

function checkPatches(length: number, patches: readonly Patch[]): void {
  let end = 0;
  for (const { at, count } of patches) {
    if (at < end || count < 0 || at + count > length) {
      throw new UsageError(
        `patch of ${count} slots at ${at}: patches must be in order, apart, and within the ${length} slots`,
        { errno: EINVAL },
      );
    }
    end = at + count;
  }
}

/** Which field holds an instruction's distance to another of the program, if any. */
function distanceField(insn: Insn): 'off' | 'imm' | undefined {
  const cls = insn.code & 0x07;
  if (cls === BPF_JMP || cls === BPF_JMP32) {
    const op = insn.code & 0xf0;
    if (op === BPF_EXIT) return undefined;
    if (op === BPF_CALL) return insn.src === BPF_PSEUDO_CALL ? 'imm' : undefined;
    return insn.code === (BPF_JMP32 | BPF_JA) ? 'imm' : 'off';
  }
  return insn.code === LD_IMM64 && insn.src === BPF_PSEUDO_FUNC ? 'imm' : undefined;
}

/** Moves one kept instruction; undefined where its distance no longer fits. */
function relocate(insn: Insn, idx: number, newIdx: Int32Array): Insn | undefined {
  const field = distanceField(insn);
  if (field === undefined) return insn;
  const target = idx + 1 + insn[field];
  // A program not yet checked may jump out of itself: the distance past either end is kept.
  const last = newIdx.length - 1;
  const moved = target < 0 ? target : target > last ? newIdx[last] + (target - last) : newIdx[target];
  const distance = moved - (newIdx[idx] + 1);
  if (distance === insn[field]) return insn;
  const fits = field === 'off' ? (distance << 16) >> 16 === distance : (distance | 0) === distance;
  if (!fits) return undefined;
  return { ...insn, [field]: distance };
}

/**
 * Replaces several stretches of a program in one pass and corrects every jump, call and function address across it.
 *
 * Kept instructions that went to the start of a stretch go to the start of its replacement, or to what follows it
 * where it was removed. A jump into the middle of a stretch goes to its start too. Replacements are taken as they
 * are. Unchanged instructions are shared with the old program. Patches are in ascending order and do not overlap.
 * @returns undefined where a distance no longer fits its field (16 bits of a jump); the old program is untouched
 * @errno EINVAL (UsageError) patches out of order, overlapping or outside the program
 * @see bpf_patch_insn_single, bpf_remove_insns in kernel/bpf/core.c
 */
export function patchProgram(insns: readonly Insn[], patches: readonly Patch[]): Patched | undefined {
  checkPatches(insns.length, patches);
  const newIdx = new Int32Array(insns.length + 1);
  const kept = new Uint8Array(insns.length).fill(1);
  let at = 0;
  let shift = 0;
  for (const patch of patches) {
    for (; at < patch.at; at++) newIdx[at] = at + shift;
    for (const end = patch.at + patch.count; at < end; at++) {
      newIdx[at] = patch.at + shift;
      kept[at] = 0;
    }
    shift += patch.replacement.length - patch.count;
    // An insertion leaves its slot kept: jumps to it skip what was put before it.
  }
  for (; at <= insns.length; at++) newIdx[at] = at + shift;

  const patched: Insn[] = new Array(insns.length + shift);
  for (const patch of patches) {
    const start = patch.count > 0 ? newIdx[patch.at] : newIdx[patch.at] - patch.replacement.length;
    for (let i = 0; i < patch.replacement.length; i++) patched[start + i] = patch.replacement[i];
  }
  for (let idx = 0; idx < insns.length; idx++) {
    if (kept[idx] === 0) continue;
    const moved = relocate(insns[idx], idx, newIdx);
    if (moved === undefined) return undefined;
    patched[newIdx[idx]] = moved;
  }
  return { insns: patched, newIdx };
}

/**
 * Replaces `count` slots from `at` on; see {@link patchProgram}. Growing, shrinking and, with an empty replacement,
 * removing are one operation.
 * @returns undefined where a distance no longer fits its field
 * @errno EINVAL (UsageError) a stretch outside the program
 */
export function patchInsns(
  insns: readonly Insn[],
  at: number,
  count: number,
  replacement: readonly Insn[],
): Insn[] | undefined {
  return patchProgram(insns, [{ at, count, replacement }])?.insns;
}
