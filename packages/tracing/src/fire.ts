// SPDX-License-Identifier: MIT
// Running kprobe, tracepoint and perf_event programs. @see kernel/trace/bpf_trace.c, trace_call_bpf
import type { KernelServices } from '@tsbpf/core';
import { buildRecord, type EventValues, type TraceEvent } from './event/trace-event.ts';
import type { ProgRun, RunLog } from './function/run-log.ts';
import type { PerfEvent } from './perf/perf-event.ts';
import type { ProbeTarget } from './probe/probe-target.ts';
import { registerOff, withRegisters, type Registers } from './probe/registers.ts';

/** How a function is reached: its arguments, and registers where they matter. */
export interface ProbeHit {
  readonly args?: readonly bigint[];
  readonly regs?: Registers;
  /** Bytes into the function. */
  readonly offset?: bigint;
}

export interface ProbeResult {
  /** Whether the event would be recorded: no program returned 0. */
  readonly recorded: boolean;
  /** What bpf_override_return made the function return, without running. */
  readonly overridden: bigint | undefined;
}

/** What a sample carries. */
export interface Sample {
  readonly regs?: Registers;
  readonly period?: bigint;
  readonly addr?: bigint;
}

interface Runner {
  readonly kernel: KernelServices;
  readonly perfEvents: Iterable<PerfEvent>;
  readonly runs: RunLog;
  active: number;
}

/** What an event is, as run logs name it. */
function kindOf({ target }: PerfEvent): ProgRun['kind'] {
  if (target === undefined) return 'perf_event';
  if (target.kind === 'trace_event') return 'tracepoint';
  if (target.kind === 'kprobe') return target.isReturn ? 'kretprobe' : 'kprobe';
  return target.isReturn ? 'uretprobe' : 'uprobe';
}

/**
 * Runs the programs of some events over one context, in order: each runs, and the results are joined by AND. A program
 * of these kinds that is running keeps others from it: they are skipped, and the result is 0.
 */
function runAll(runner: Runner, events: readonly PerfEvent[], ctx: number): number {
  if (runner.active > 0) return events.length === 0 ? 1 : 0;
  runner.active++;
  try {
    let result = 1;
    for (const event of events) {
      const { prog } = event;
      if (prog === undefined) continue;
      const r0 = runner.kernel.runProg(prog, ctx);
      runner.runs.note({ prog, kind: kindOf(event), r0 });
      result &= r0;
    }
    return result;
  } finally {
    runner.active--;
  }
}

const attached = (runner: Runner, matches: (event: PerfEvent) => boolean): PerfEvent[] =>
  [...runner.perfEvents].filter((event) => event.prog !== undefined && matches(event));

/** A trace event's programs run in the order they were attached. */
export function runOnEvent(runner: Runner, event: TraceEvent, values: EventValues, regs: Registers): boolean {
  const { kernel } = runner;
  const record = buildRecord(event, values, kernel.env.current);
  const events = attached(runner, ({ target }) => target === event);
  if (events.length === 0) return true;
  return (
    withRegisters(kernel, regs, (regsOff) => {
      const ctx = kernel.mem.alloc(record.length, { kind: 'ctx', name: `${event.category}:${event.name}` });
      if (ctx === 0) return true;
      try {
        kernel.mem.writeBytes(ctx, record);
        kernel.mem.write64(ctx, kernel.mem.toAddr(regsOff));
        return runAll(runner, events, ctx) !== 0;
      } finally {
        kernel.mem.free(ctx);
      }
    }) ?? true
  );
}

const same = (a: ProbeTarget, b: ProbeTarget): boolean =>
  a.kind === b.kind && a.symbol === b.symbol && a.offset === b.offset && a.isReturn === b.isReturn;

/** Probes at one place are separate events, the newest first, each with its own verdict. */
export function runOnProbe(runner: Runner, target: ProbeTarget, regs: Registers): ProbeResult {
  const { kernel } = runner;
  const events = attached(runner, (e) => (e.target?.kind === target.kind ? same(e.target, target) : false)).reverse();
  let recorded = true;
  let overridden: bigint | undefined;
  withRegisters(kernel, regs, (ctx) => {
    const ip = kernel.mem.read64(ctx + registerOff('ip'));
    for (const event of events) {
      if (runAll(runner, [event], ctx) === 0) recorded = false;
      if (kernel.mem.read64(ctx + registerOff('ip')) === ip) continue;
      overridden = kernel.mem.read64(ctx + registerOff('ax'));
      break;
    }
  });
  return { recorded, overridden };
}

/** @see kernel/events/core.c, bpf_overflow_handler */
export function runOnSample(runner: Runner, event: PerfEvent, sample: Sample): boolean {
  const { kernel } = runner;
  const { mem, types } = kernel;
  if (event.prog === undefined) return true;
  return (
    withRegisters(kernel, sample.regs ?? {}, (regsOff) => {
      const dataBytes = types.sizeOf('perf_sample_data');
      const ctxBytes = types.sizeOf('bpf_perf_event_data_kern');
      const ctx = mem.alloc(ctxBytes + dataBytes, { kind: 'ctx', name: 'perf_event' });
      if (ctx === 0) return true;
      const data = ctx + ctxBytes;
      const put = (at: number, path: string, value: bigint): void => mem.write64(at + types.resolve(path).off, value);
      try {
        put(data, 'perf_sample_data.period', sample.period ?? event.attr.samplePeriod ?? 0n);
        put(data, 'perf_sample_data.addr', sample.addr ?? 0n);
        put(ctx, 'bpf_perf_event_data_kern.regs', mem.toAddr(regsOff));
        put(ctx, 'bpf_perf_event_data_kern.data', mem.toAddr(data));
        put(ctx, 'bpf_perf_event_data_kern.event', mem.toAddr(event.off));
        return runAll(runner, [event], ctx) !== 0;
      } finally {
        mem.free(ctx);
      }
    }) ?? true
  );
}
