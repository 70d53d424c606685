// SPDX-License-Identifier: MIT
import type { Registries } from '@tsbpf/core';
import { overrideReturnHelpers } from './helpers/override-return.ts';
import { packetOutputHelpers } from './helpers/packet-output.ts';
import { perfHelpers } from './helpers/perf.ts';
import { signalHelpers } from './helpers/signal.ts';
import { stackHelpers } from './helpers/stack.ts';
import { perfEventArrayMapType } from './perf/perf-event-array.ts';
import { rawTracepointRow } from './raw-tracepoint/open.ts';
import { tracingProgTypes } from './rows.ts';
import { stackTraceMapType } from './stack/stack-trace.ts';
import { tracingVerbs } from './verbs.ts';

/** Everything tracing adds to a kernel. */
export function tracingRegistries(): Partial<Registries> {
  return {
    progTypes: tracingProgTypes,
    mapTypes: [perfEventArrayMapType, stackTraceMapType],
    helpers: [...perfHelpers, ...packetOutputHelpers, ...stackHelpers, ...signalHelpers, ...overrideReturnHelpers],
    rawTracepoint: [rawTracepointRow],
    verbs: [tracingVerbs],
  };
}
