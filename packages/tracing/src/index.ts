// SPDX-License-Identifier: MIT
export { tracingProgTypes } from './rows.ts';
export { tracingRegistries } from './registries.ts';
export { Tracing, tracingOf, type SentSignal, type Stacks } from './tracing.ts';
export type { FakeObject } from './function/fake-object.ts';
export type { CallResult, FunctionBody, FunctionCall } from './function/kernel-functions.ts';
export type { KernelPointer, KernelValue } from './function/kernel-value.ts';
export type { ProgRun } from './function/run-log.ts';
export type { ProbeHit, ProbeResult, Sample } from './fire.ts';
export type { EventValues, FieldSpec, TraceEvent, TraceField } from './event/trace-event.ts';
export { PERF_COUNT_SW_BPF_OUTPUT, PERF_TYPE_SOFTWARE, PerfEvent, type PerfRecord } from './perf/perf-event.ts';
export type { ProbeTarget } from './probe/probe-target.ts';
export type { RegisterName, Registers } from './probe/registers.ts';
export { perfEventArrayMapType, PerfEventArrayMap } from './perf/perf-event-array.ts';
export { stackTraceMapType, StackTraceMap } from './stack/stack-trace.ts';
export { rawTracepointRow } from './raw-tracepoint/open.ts';
