// SPDX-License-Identifier: MIT
// PERF_EVENT_IOC_SET_BPF. @see kernel/events/core.c, perf_event_set_bpf_prog
import {
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_PERF_EVENT,
  BPF_PROG_TYPE_TRACEPOINT,
  E2BIG,
  EACCES,
  EBADF,
  EEXIST,
  EINVAL,
} from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { recordBytes } from '../event/trace-event.ts';
import { tracingOf } from '../tracing.ts';
import type { PerfEvent } from './perf-event.ts';

/** Programs at one trace event. */
const MAX_PROGS = 64;

/** Whether the program fits what the event is for; 0 or -errno. */
function fits(event: PerfEvent, prog: BpfProg): number {
  const { target } = event;
  if (target === undefined) return prog.type === BPF_PROG_TYPE_PERF_EVENT ? 0 : -EINVAL;
  const wanted = target.kind === 'trace_event' ? BPF_PROG_TYPE_TRACEPOINT : BPF_PROG_TYPE_KPROBE;
  if (prog.type !== wanted) return -EINVAL;
  const overrides = prog.verified.overridesReturn;
  if (target.kind === 'trace_event') {
    if (overrides) return -EINVAL;
    return prog.verified.maxCtxOffset > recordBytes(target) ? -EACCES : 0;
  }
  return overrides && !tracingOf(event.kernel).mayOverride(target) ? -EINVAL : 0;
}

/** Room for the program among those at the same trace event; 0 or -errno. */
function room(event: PerfEvent, prog: BpfProg): number {
  if (event.prog !== undefined) return -EEXIST;
  if (event.target?.kind !== 'trace_event') return 0;
  const others = [...tracingOf(event.kernel).perfEvents].filter(
    (e) => e.target === event.target && e.prog !== undefined,
  );
  if (others.length >= MAX_PROGS) return -E2BIG;
  return others.some((other) => other.prog === prog) ? -EEXIST : 0;
}

/**
 * Gives an event its program, until the event goes.
 * @errno EBADF, EINVAL not a perf event, not a program, or not one for such an event; EACCES the program reads behind the
 * record; EEXIST the event has a program, or the trace event has this one; E2BIG 64 programs at the trace event
 */
export function setBpf(kernel: KernelServices, perfFd: number, progFd: number): number {
  const file = kernel.fds.get(perfFd, 'perf_event');
  if (typeof file === 'number') return file;
  const { event } = file;
  if (event.target === undefined && event.prog !== undefined) return -EEXIST;
  const progFile = kernel.fds.get(progFd, 'prog');
  if (typeof progFile === 'number') return progFile === -EBADF ? -EBADF : -EINVAL;
  const { prog } = progFile;
  const err = fits(event, prog) || room(event, prog);
  if (err < 0) return err;
  prog.get();
  event.prog = prog;
  return 0;
}
