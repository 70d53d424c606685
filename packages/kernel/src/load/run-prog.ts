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
