// SPDX-License-Identifier: MIT
// perf_event_open(2), as far as programs are concerned.
import { BTF_KIND_FUNC } from '@tsbpf/btf';
import { CAP_SYS_ADMIN, EACCES, EINVAL, ENOENT, ESRCH, type PerfEventOpenAttr } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import type { TraceEvent } from '../event/trace-event.ts';
import type { ProbeTarget } from '../probe/probe-target.ts';
import { tracingOf } from '../tracing.ts';
import { installEvent } from './install-event.ts';
import {
  PERF_TYPE_HARDWARE,
  PERF_TYPE_KPROBE,
  PERF_TYPE_SOFTWARE,
  PERF_TYPE_TRACEPOINT,
  PERF_TYPE_UPROBE,
} from './perf-event.ts';

/** A function is known by an address, or by the kernel's BTF. */
function isFunction(kernel: KernelServices, name: string): boolean {
  if (kernel.text.byName(name) !== undefined) return true;
  if (kernel.vmlinux.btf.findByName(name, BTF_KIND_FUNC) === undefined) return false;
  kernel.text.define(name);
  return true;
}

function probe(kernel: KernelServices, attr: PerfEventOpenAttr): ProbeTarget | number {
  const kind = attr.type === PERF_TYPE_KPROBE ? 'kprobe' : 'uprobe';
  if (attr.path === undefined || attr.path === '') return -EINVAL;
  if (kind === 'kprobe' && !isFunction(kernel, attr.path)) return -ENOENT;
  const offset = attr.probeOffset ?? 0n;
  const isReturn = attr.retprobe === true;
  if (kind === 'kprobe' && isReturn && offset !== 0n) return -EINVAL;
  return { kind, symbol: attr.path, offset, isReturn };
}

function targetOf(kernel: KernelServices, attr: PerfEventOpenAttr): TraceEvent | ProbeTarget | number | undefined {
  switch (attr.type) {
    case PERF_TYPE_HARDWARE:
    case PERF_TYPE_SOFTWARE:
      return undefined;
    case PERF_TYPE_TRACEPOINT:
      return tracingOf(kernel).findEvent(Number(attr.config)) ?? -EINVAL;
    case PERF_TYPE_KPROBE:
    case PERF_TYPE_UPROBE:
      return probe(kernel, attr);
    default:
      return -ENOENT;
  }
}

/**
 * Opens a perf event; it counts, or fires, from then on.
 * @errno EACCES without CAP_SYS_ADMIN; EINVAL no task and no CPU, a CPU or trace event that is not there; ESRCH another
 * task; ENOENT a type or a kernel function that is not there
 */
export function openPerfEvent(kernel: KernelServices, attr: PerfEventOpenAttr): number {
  const { cpu, pid } = attr;
  if (!kernel.env.capable(CAP_SYS_ADMIN)) return -EACCES;
  if (cpu < -1 || cpu >= kernel.env.cpus || (cpu === -1 && pid === -1)) return -EINVAL;
  if (pid > 0 && pid !== kernel.env.current.pid) return -ESRCH;
  const target = targetOf(kernel, attr);
  if (typeof target === 'number') return target;
  return installEvent(kernel, tracingOf(kernel), attr, target);
}
