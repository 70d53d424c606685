// SPDX-License-Identifier: MIT
// One program over an sk_buff: its scratch area is its own. @see include/linux/filter.h, bpf_prog_run_save_cb
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { skbLayout } from '@tsbpf/net';

/** Bytes of `__sk_buff.cb`. */
const SCRATCH_BYTES = 20;

/** Programs that use `cb` find it zero and leave no trace in it. */
export function runOverSkb(kernel: KernelServices, prog: BpfProg, skb: number): number {
  if (!prog.verified.cbAccess) return kernel.runProg(prog, skb);
  const at = skb + skbLayout(kernel).cb.scratch;
  const saved = kernel.mem.readBytes(at, SCRATCH_BYTES);
  kernel.mem.fill(at, SCRATCH_BYTES, 0);
  const verdict = kernel.runProg(prog, skb);
  kernel.mem.writeBytes(at, saved);
  return verdict;
}
