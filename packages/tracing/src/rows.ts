// SPDX-License-Identifier: MIT
// What the verifier needs of tracing: importable without the simulator.
import type { ProgTypeDef } from '@tsbpf/core';
import { extProgType } from './prog-types/ext.ts';
import { kprobeProgType } from './prog-types/kprobe.ts';
import { perfEventProgType } from './prog-types/perf-event.ts';
import { rawTracepointProgType, rawTracepointWritableProgType } from './prog-types/raw-tracepoint.ts';
import { tracepointProgType } from './prog-types/tracepoint.ts';
import { tracingProgType } from './prog-types/tracing.ts';

/** Program types of tracing, in the order of include/linux/bpf_types.h. */
export const tracingProgTypes: readonly ProgTypeDef[] = [
  kprobeProgType,
  tracepointProgType,
  perfEventProgType,
  rawTracepointProgType,
  rawTracepointWritableProgType,
  tracingProgType,
  extProgType,
];
