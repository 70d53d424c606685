// SPDX-License-Identifier: MIT
import { ENOMEM } from '@tsbpf/uapi';
import { type Insn, type Patched, patchProgram } from '@tsbpf/insn';
import { refuse } from '../refuse.ts';
import type { InsnFacts, Verification } from '../verification.ts';
import { hasDef32 } from './def32.ts';

/** One instruction becomes several. */
export interface Replacement {
  readonly at: number;
  readonly insns: readonly Insn[];
  /** Which of them inherits what is known of the replaced instruction; the last unless told. */
  readonly heir?: number;
  /** More about some of them, by index. */
  readonly facts?: ReadonlyMap<number, Partial<InsnFacts>>;
}

/**
 * Replaces single instructions by sequences and moves with them all that refers to places: jumps, calls, facts, the
 * starts of functions, line info. Jumps to a replaced instruction go to the first of its sequence. Replacements are in
 * ascending order of place.
 * @errno ENOMEM a jump no longer fits its 16 bits
 * @see kernel/bpf/verifier.c, bpf_patch_insn_data
 */
export function replaceInsns(v: Verification, replacements: readonly Replacement[]): void {
  if (replacements.length === 0) return;
  const { insns, newIdx } = patch(v, replacements);
  const facts: InsnFacts[] = new Array(insns.length);
  for (let i = 0; i < v.insns.length; i++) facts[newIdx[i]] = v.insnFacts[i];
  for (const { at, insns: sequence, heir = sequence.length - 1, facts: extra } of replacements) {
    const old = v.insnFacts[at];
    for (let i = 0; i < sequence.length; i++) {
      const base = i === heir ? old : { origIdx: old.origIdx, seen: true };
      facts[newIdx[at] + i] = { ...base, zextDst: hasDef32(sequence[i]), ...extra?.get(i) };
    }
  }
  v.insns = insns;
  v.insnFacts = facts;
  for (const subprog of v.subprogs) subprog.start = newIdx[subprog.start];
  v.lineInfo = v.lineInfo.map((record) => ({ ...record, insnIdx: newIdx[record.insnIdx] }));
}

function patch(v: Verification, replacements: readonly Replacement[]): Patched {
  const apply = (count: number): Patched | undefined =>
    patchProgram(
      v.insns,
      replacements.slice(0, count).map(({ at, insns }) => ({ at, count: 1, replacement: insns })),
    );
  const patched = apply(replacements.length);
  if (patched !== undefined) return patched;
  // Distances only grow: find the first replacement after which one does not fit.
  let fits = 0;
  let breaks = replacements.length;
  while (breaks - fits > 1) {
    const middle = (fits + breaks) >> 1;
    if (apply(middle) === undefined) breaks = middle;
    else fits = middle;
  }
  const { origIdx } = v.insnFacts[replacements[breaks - 1].at];
  return refuse(v, ENOMEM, `insn ${origIdx} cannot be patched due to 16-bit range\n`);
}
