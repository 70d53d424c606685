// SPDX-License-Identifier: MIT
// What a compiled program says of its code: where functions and lines are. Engines make no machine code, so that a
// function's share of the code, and a line's place in it, go by instructions. @see kernel/bpf/syscall.c
import type { BpfProg } from '@tsbpf/core';

/** Where the code of each function is, and where each record of line info is in it. */
export interface JitedInfo {
  readonly ksyms: readonly bigint[];
  readonly lens: readonly number[];
  /** As many as records of line info; each is at its function's address or behind it, in order. */
  readonly lines: readonly bigint[];
}

/** The layout of a program's code, function by function. */
export function jitedInfo(prog: BpfProg): JitedInfo {
  const { subprogs, insns, lineInfo } = prog.verified;
  const { codeBytes } = prog.loaded;
  const starts = subprogs.length === 0 ? [0] : subprogs.map(({ start }) => start);
  const placeOf = (insnIdx: number): number => Math.floor((codeBytes * insnIdx) / insns.length);

  const lens = starts.map((start, i) => placeOf(starts[i + 1] ?? insns.length) - placeOf(start));
  const ksyms: bigint[] = [];
  for (const [i, len] of lens.entries()) {
    const own = prog.slots.find((slot) => slot.subprog === i)?.addr;
    // A function that nothing can be attached to is behind the one before it.
    ksyms.push(own ?? (ksyms[i - 1] ?? 0n) + BigInt(lens[i - 1] ?? len));
  }

  const lines = lineInfo.map(({ insnIdx }) => {
    const func = starts.findLastIndex((start) => start <= insnIdx);
    return (ksyms[func] ?? 0n) + BigInt(placeOf(insnIdx) - placeOf(starts[func] ?? 0));
  });
  return { ksyms, lens, lines };
}
