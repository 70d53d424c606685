// SPDX-License-Identifier: MIT
// Running what is in effect. @see include/linux/bpf.h, BPF_PROG_RUN_ARRAY and BPF_PROG_CGROUP_INET_EGRESS_RUN_ARRAY
import { BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_INGRESS } from '@tsbpf/uapi';
import type { Cgroups } from '../cgroups.ts';
import type { Cgroup } from '../tree/cgroup.ts';
import { decisionOf } from './decision.ts';
import { runOverSkb } from './skb-run.ts';

const ALLOW = 1;
/** Egress only: the packet goes, and the sender is told of congestion. */
const CONGESTED = 2;

/**
 * Runs every effective program, whatever the ones before said, over one context. The result is the AND of the verdicts,
 * 1 where there is none; at egress bit 0 is that, and bit 1 says whether any program signalled congestion.
 */
export function runEffective(cgroups: Cgroups, cgroup: Cgroup, attachType: number, ctxOff: number): number {
  const { kernel } = cgroups;
  const items = cgroup.effective.get(attachType) ?? [];
  const egress = attachType === BPF_CGROUP_INET_EGRESS;
  const overSkb = egress || attachType === BPF_CGROUP_INET_INGRESS;
  const outer = cgroups.currentStorages;
  let allow = ALLOW;
  let congested = 0;
  kernel.rcu.enter();
  try {
    for (const item of items) {
      cgroups.currentStorages = item.storages;
      const verdict = overSkb ? runOverSkb(kernel, item.prog, ctxOff) : kernel.runProg(item.prog, ctxOff);
      cgroups.decided(decisionOf(item, attachType, verdict));
      allow &= verdict;
      congested |= verdict;
    }
  } finally {
    cgroups.currentStorages = outer;
    kernel.rcu.exit();
  }
  return egress ? allow | (congested & CONGESTED) : allow;
}
