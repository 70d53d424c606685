// SPDX-License-Identifier: MIT
import type { BpfProg } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

/** Runs a program as a hook would: in a read-side section, counted when `kernel.bpf_stats_enabled`. */
export function runProg(k: KernelState, prog: BpfProg, ctxOff: number): number {
  k.rcu.enter();
  const outer = k.currentCall;
  try {
    if (!k.env.bpfStatsEnabled) return prog.loaded.run(ctxOff);
    const start = k.env.ktimeNs();
    const r0 = prog.loaded.run(ctxOff);
    prog.runCnt++;
    prog.runTimeNs += k.env.ktimeNs() - start;
    return r0;
  } finally {
    k.currentCall = outer;
    k.rcu.exit();
  }
}

/** Contexts in a row, and where R0's low words go. */
export interface Batch {
  readonly ctxOff: number;
  readonly strideBytes: number;
  readonly count: number;
  readonly resultsOff: number;
}

/** Runs a program over a row of contexts, in one read-side section. */
export function runProgBatch(k: KernelState, prog: BpfProg, batch: Batch): void {
  k.rcu.enter();
  const outer = k.currentCall;
  try {
    const start = k.env.bpfStatsEnabled ? k.env.ktimeNs() : undefined;
    prog.loaded.runBatch(batch);
    if (start === undefined) return;
    prog.runCnt += batch.count;
    prog.runTimeNs += k.env.ktimeNs() - start;
  } finally {
    k.currentCall = outer;
    k.rcu.exit();
  }
}
