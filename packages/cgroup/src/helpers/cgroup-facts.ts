// SPDX-License-Identifier: MIT
// Which cgroup a packet's socket or the current task is in. @see net/core/filter.c, kernel/trace/bpf_trace.c
import { E2BIG, EAGAIN, ENOENT } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperRow, type KernelServices } from '@tsbpf/core';
import { mapArg, returnWords } from '@tsbpf/helpers';
import type { ArrayMap } from '@tsbpf/maps';
import { isFullSock, readPointer, Skb } from '@tsbpf/net';
import { cgroupsOf } from '../cgroups.ts';
import { cgroupInSlot } from '../maps/cgroup-array.ts';
import type { Cgroup } from '../tree/cgroup.ts';

/** The cgroup of a socket; the root's where none was set. @see include/linux/cgroup-defs.h, sock_cgroup_ptr */
export function cgroupOfSock(kernel: KernelServices, sk: number): Cgroup {
  const off = readPointer(kernel.mem, sk + kernel.types.resolve('sock.sk_cgrp_data').off);
  return kernel.objects.get<Cgroup>(off, 'cgroup') ?? cgroupsOf(kernel).root;
}

/** The cgroup of a packet's socket; undefined where it has no full one. */
function cgroupOfSkb(kernel: KernelServices, skb: number): Cgroup | undefined {
  const { sk } = new Skb(kernel, skb);
  return sk === 0 || !isFullSock(kernel, sk) ? undefined : cgroupOfSock(kernel, sk);
}

/** Whether a cgroup is under the one in a slot: 1, 0 or -errno. */
function underSlot(call: HelperCall, cgroup: Cgroup, slot: { map: number; index: number }): number {
  const map = mapArg(call, slot.map) as ArrayMap;
  const index = slot.index >>> 0;
  if (index >= map.maxEntries) return -E2BIG;
  const ancestor = cgroupInSlot(map, index);
  if (ancestor === undefined) return -EAGAIN;
  return cgroup.isUnder(ancestor) ? 1 : 0;
}

export const cgroupFactsHelpers: readonly HelperRow[] = [
  defineHelper('bpf_skb_under_cgroup', {
    retWidth: 'sext',
    call(call, skb, map, index) {
      const cgroup = cgroupOfSkb(call.kernel, skb);
      return cgroup === undefined ? -ENOENT : underSlot(call, cgroup, { map, index });
    },
  }),
  defineHelper('bpf_current_task_under_cgroup', {
    retWidth: 'sext',
    call(call, map, index) {
      return underSlot(call, cgroupsOf(call).cgroupOf(call.kernel.env.current), { map, index });
    },
  }),
  defineHelper('bpf_skb_cgroup_id', {
    retWidth: 'words',
    call: (call, skb) => returnWords(call, cgroupOfSkb(call.kernel, skb)?.id ?? 0n),
  }),
  defineHelper('bpf_skb_ancestor_cgroup_id', {
    retWidth: 'words',
    call: (call, skb, level) => returnWords(call, cgroupOfSkb(call.kernel, skb)?.ancestorAt(level | 0)?.id ?? 0n),
  }),
];
