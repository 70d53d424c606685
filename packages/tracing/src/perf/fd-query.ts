// SPDX-License-Identifier: MIT
import {
  BPF_FD_TYPE_KPROBE,
  BPF_FD_TYPE_KRETPROBE,
  BPF_FD_TYPE_TRACEPOINT,
  BPF_FD_TYPE_UPROBE,
  BPF_FD_TYPE_URETPROBE,
  BPF_PROG_TYPE_PERF_EVENT,
  ENOENT,
  EOPNOTSUPP,
} from '@tsbpf/uapi';
import type { PerfEvent } from './perf-event.ts';

/** What BPF_TASK_FD_QUERY tells of an event; -errno where it has no program, or one at a sampling event. */
export function fdQuery({ prog, target }: PerfEvent): object | number {
  if (prog === undefined) return -ENOENT;
  if (target === undefined || prog.type === BPF_PROG_TYPE_PERF_EVENT) return -EOPNOTSUPP;
  const common = { progId: prog.id, probeAddr: 0n };
  if (target.kind === 'trace_event') {
    return { ...common, fdType: BPF_FD_TYPE_TRACEPOINT, name: target.name, probeOffset: 0n };
  }
  const [entry, ret] =
    target.kind === 'kprobe'
      ? [BPF_FD_TYPE_KPROBE, BPF_FD_TYPE_KRETPROBE]
      : [BPF_FD_TYPE_UPROBE, BPF_FD_TYPE_URETPROBE];
  const fdType = target.isReturn ? ret : entry;
  return { ...common, fdType, name: target.symbol, probeOffset: target.offset };
}
