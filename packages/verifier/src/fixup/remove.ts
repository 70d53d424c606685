// SPDX-License-Identifier: MIT
import type { LineRecord } from '@tsbpf/core';
import { InternalError } from '@tsbpf/uapi';
import { type Patch, patchProgram } from '@tsbpf/insn';
import type { SubprogFacts, Verification } from '../verification.ts';

interface Run {
  readonly start: number;
  readonly end: number;
}

/** Stretches of neighbouring instructions that are to go. */
function runsOf(length: number, goes: (idx: number) => boolean): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < length; i++) {
    if (!goes(i)) continue;
    const start = i;
    while (i < length && goes(i)) i++;
    runs.push({ start, end: i });
  }
  return runs;
}

/**
 * Removes instructions and moves all that refers to places. Functions that are gone take their func_info with them.
 * @see kernel/bpf/verifier.c, verifier_remove_insns
 */
export function removeInsns(v: Verification, goes: (idx: number) => boolean): void {
  const runs = runsOf(v.insns.length, goes);
  if (runs.length === 0) return;
  const patches: Patch[] = runs.map(({ start, end }) => ({ at: start, count: end - start, replacement: [] }));
  const patched = patchProgram(v.insns, patches);
  if (patched === undefined) throw new InternalError('a jump grew although instructions were removed');
  const { insns, newIdx } = patched;

  const subprogGoes = v.subprogs.map(({ start }, i) => {
    const end = v.subprogs[i + 1]?.start ?? v.insns.length;
    return newIdx[start] === newIdx[end];
  });
  const lines = removeLines(v.lineInfo, runs, v.insns.length);
  v.insnFacts = v.insnFacts.filter((_, i) => !goes(i));
  v.subprogs = removeSubprogs(v.subprogs, subprogGoes);
  v.funcInfo = v.funcInfo.filter((_, i) => !subprogGoes[i]);
  for (const subprog of v.subprogs) {
    subprog.start = newIdx[subprog.start];
    subprog.lineInfoIdx = lines.newIndex[subprog.lineInfoIdx] ?? 0;
  }
  v.lineInfo = lines.records.map((record) => ({ ...record, insnIdx: newIdx[record.insnIdx] }));
  v.insns = insns;
}

/**
 * The functions that stay. Linux forgets to move the table that says which functions were called with other types than
 * their BTF has, so a function that moves up takes the mark of the one whose place it gets.
 */
function removeSubprogs(subprogs: readonly SubprogFacts[], goes: readonly boolean[]): SubprogFacts[] {
  const marks = subprogs.map((s) => s.unreliable);
  return subprogs.filter((_, i) => !goes[i]).map((subprog, i) => ({ ...subprog, unreliable: marks[i] }));
}

/**
 * Line records that stay, still at their old places. The first instruction behind a removed stretch inherits the last
 * removed record, unless it has one of its own or nothing follows.
 * @see kernel/bpf/verifier.c, bpf_adj_linfo_after_remove
 */
function removeLines(
  records: readonly LineRecord[],
  runs: readonly Run[],
  length: number,
): { records: LineRecord[]; newIndex: Int32Array } {
  const kept: LineRecord[] = [];
  const newIndex = new Int32Array(records.length);
  let run = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i];
    newIndex[i] = kept.length;
    while (run < runs.length && runs[run].end <= record.insnIdx) run++;
    const inside = run < runs.length && runs[run].start <= record.insnIdx;
    if (!inside) {
      kept.push(record);
      continue;
    }
    const { end } = runs[run];
    const next = records[i + 1]?.insnIdx ?? Infinity;
    if (end < length && next > end) kept.push({ ...record, insnIdx: end });
  }
  return { records: kept, newIndex };
}
